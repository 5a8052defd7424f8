"""Whom a validator asks, and where."""

from taostack.chain.endpoints import encode_endpoint
from taostack.chain.metagraph import AxonInfo, Metagraph
from taostack.chain.records import Commitment
from taostack.neuron.validator import targets_of
from taostack.wire import Endpoint

HOTKEYS = ("me", "axon", "moved", "silent", "nowhere")


def _metagraph() -> Metagraph:
    axons = (AxonInfo("10.0.0.1", 1), AxonInfo("10.0.0.2", 2), AxonInfo("10.0.0.3", 3), None, AxonInfo("0.0.0.0", 5))
    return Metagraph.build(1, HOTKEYS, axons=axons, registered_at=[7, 7, 8, 7, 7])


def test_neurons_with_an_endpoint_are_asked_in_uid_order_and_the_validator_is_not() -> None:
    targets = targets_of(_metagraph(), "me")
    assert [(each.uid, each.key.hotkey, each.endpoint) for each in targets] == [
        (1, "axon", Endpoint("axon", "10.0.0.2", 2)),
        (2, "moved", Endpoint("moved", "10.0.0.3", 3)),
    ]
    assert targets[1].key.registered_at == 8


def test_an_endpoint_that_a_neuron_committed_to_goes_before_its_axon_record() -> None:
    def note(hotkey: str, data: bytes) -> Commitment:
        return Commitment(hotkey, None, 1, data, "plain")

    commitments = {
        "moved": note("moved", encode_endpoint("10.9.9.9", 99, "v10")),
        "axon": note("axon", b"seed commitment of epoch 4"),
        "stranger": note("stranger", encode_endpoint("10.9.9.8", 98)),
    }
    endpoints = {each.key.hotkey: each.endpoint for each in targets_of(_metagraph(), "me", commitments)}
    assert endpoints == {"axon": Endpoint("axon", "10.0.0.2", 2), "moved": Endpoint("moved", "10.9.9.9", 99, "v10")}
