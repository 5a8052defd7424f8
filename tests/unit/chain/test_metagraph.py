"""A metagraph is a frozen table with an index."""

from ipaddress import IPv6Address

import numpy as np
import pytest

from taostack.chain.metagraph import AxonInfo, Metagraph, Standing
from taostack.process.clock import ManualClock


def record(**changes):
    """A runtime answer for two neurons, as the codec decodes it."""
    return {
        "hotkeys": ["hk0", "hk1"],
        "coldkeys": ["ck0", "ck1"],
        "tempo": 10,
        "owner_hotkey": "hk0",
        "owner_coldkey": "ck0",
        "max_uids": 256,
        "last_step": 40,
        "axons": [
            {"ip": 0, "port": 0, "ip_type": 0, "version": 0, "protocol": 0},
            {"ip": 0x7F000002, "port": 8091, "ip_type": 4, "version": 11_003_000, "protocol": 4},
        ],
        "total_stake": [5, 7],
        "alpha_stake": [4, 6],
        "tao_stake": [1, 1],
        "validator_permit": [True, False],
        "active": [True, False],
        "last_update": [41, 42],
        "block_at_registration": [1, 2],
        "incentives": [0, 65_535],
        "dividends": [65_535, 0],
        "consensus": [0, 13_107],
        "trust": [0, 0],
        "emission": [11, 12],
    } | changes


def read(**changes) -> Metagraph:
    return Metagraph.from_runtime(3, record(**changes), block=50, block_hash="0xaa", taken_at_ms=1_000)


def test_a_runtime_answer_becomes_columns():
    graph = read()
    assert (graph.netuid, graph.block, graph.block_hash, graph.tempo, len(graph)) == (3, 50, "0xaa", 10, 2)
    assert graph.stake_rao.tolist() == [5, 7]
    assert graph.consensus.tolist() == [0.0, 0.2]
    assert graph.incentive.tolist() == [0.0, 1.0]
    assert graph.axons == (None, AxonInfo("127.0.0.2", 8091, 11_003_000, 4))
    assert graph.serving() == (1,)
    assert graph.validators() == (0,)


def test_an_axon_on_0_0_0_0_or_port_0_serves_nothing():
    axons = [
        {"ip": 0, "port": 8091, "ip_type": 4, "version": 1, "protocol": 4},
        {"ip": 0x7F000002, "port": 0, "ip_type": 4, "version": 1, "protocol": 4},
    ]
    assert read(axons=axons).axons == (None, None)
    assert read(axons=[None, None]).axons == (None, None)


def test_an_ipv6_axon_is_bracketed_in_a_url():
    axon = {"ip": int(IPv6Address("2001:db8::7")), "port": 1, "ip_type": 6, "version": 1, "protocol": 4}
    found = read(axons=[None, axon]).axons[1]
    assert found is not None
    assert (found.ip, found.host) == ("2001:db8::7", "[2001:db8::7]")
    assert AxonInfo("10.0.0.1", 1).host == "10.0.0.1"


def test_a_hotkey_is_found_by_index_with_its_standing():
    graph = read()
    assert graph.uid_of("hk1") == 1
    assert graph.uid_of("nobody") is None
    assert graph.standing("hk0") == Standing(uid=0, stake_rao=5, permit=True)
    assert graph.standing("nobody") is None
    assert graph.identity_of(1) == ("hk1", 2)


def test_a_snapshot_knows_its_age_and_never_a_negative_one():
    clock = ManualClock(start_ms=4_500)
    assert read().age_ms(clock) == 3_500
    assert read().age_ms(ManualClock(start_ms=0)) == 0


def test_columns_are_read_only():
    graph = read()
    with pytest.raises(ValueError, match="read-only"):
        graph.stake_rao[0] = 1
    with pytest.raises(AttributeError):
        graph.block = 51


def test_a_column_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="column stake_rao has shape"):
        Metagraph.build(1, ["a", "b"], stake_rao=[1])
    with pytest.raises(ValueError, match="column coldkeys has 3 entries"):
        Metagraph.build(1, ["a", "b"], coldkeys=["c", "d", "e"])


def test_a_record_without_a_known_field_is_an_error_not_a_zero():
    broken = record()
    del broken["total_stake"]
    with pytest.raises(KeyError):
        Metagraph.from_runtime(1, broken, block=1, block_hash="", taken_at_ms=0)


def test_columns_not_given_are_zero_and_neurons_active():
    graph = Metagraph.build(1, ["a"])
    assert graph.active.tolist() == [True]
    assert graph.permit.tolist() == [False]
    assert graph.emission_rao.dtype == np.int64


def test_snapshots_of_the_same_block_are_equal():
    assert read() == read()
    assert hash(read()) == hash(read())
    assert read() != Metagraph.build(3, ["hk0", "hk1"], block=51)
    assert read() != "a metagraph"
