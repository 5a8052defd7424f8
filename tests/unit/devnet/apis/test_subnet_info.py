from typing import Any

import pytest

from tests.support.ledger_chain import ALICE, BOB, RAO, address
from tests.support.subnet_chain import SubnetChain

API = "SubnetInfoRuntimeApi"

# Recorded from upstream's local network (spec 461): get_subnet_hyperparams(1), with commit-reveal, which is on there.
RECORDED_HYPERPARAMETERS: dict[str, Any] = {
    "rho": 10,
    "kappa": 32767,
    "immunity_period": 4096,
    "min_allowed_weights": 0,
    "max_weights_limit": 65535,
    "tempo": 100,
    "min_difficulty": 10000000,
    "max_difficulty": 4611686018427387903,
    "weights_version": 0,
    "weights_rate_limit": 100,
    "adjustment_interval": 100,
    "activity_cutoff": 1388,
    "registration_allowed": True,
    "target_regs_per_interval": 2,
    "min_burn": 500000,
    "max_burn": 100000000000,
    "bonds_moving_avg": 900000,
    "max_regs_per_block": 1,
    "serving_rate_limit": 50,
    "max_validators": 64,
    "adjustment_alpha": 0,
    "difficulty": 10000000,
    "commit_reveal_period": 1,
    "commit_reveal_weights_enabled": True,
    "alpha_high": 58982,
    "alpha_low": 45875,
    "liquid_alpha_enabled": False,
}
# The same network: get_neurons_lite(1).
RECORDED_NEURON: dict[str, Any] = {
    "hotkey": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM",
    "coldkey": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM",
    "uid": 0,
    "netuid": 1,
    "active": True,
    "stake": [("5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM", 1000000000)],
    "rank": 0,
    "emission": 0,
    "incentive": 0,
    "consensus": 0,
    "trust": 0,
    "validator_trust": 0,
    "dividends": 0,
    "last_update": 0,
    "validator_permit": False,
    "pruning_score": 65535,
}


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


def test_subnet_1_is_what_upstream_s_local_network_was_recorded_to_have(chain: SubnetChain) -> None:
    found = chain.api(f"{API}.get_subnet_hyperparams", netuid=1)
    assert found == RECORDED_HYPERPARAMETERS | {"commit_reveal_weights_enabled": False}
    (neuron,) = chain.api("NeuronInfoRuntimeApi.get_neurons_lite", netuid=1)
    assert {name: neuron[name] for name in RECORDED_NEURON} == RECORDED_NEURON


def test_hyperparameters_come_in_three_forms_that_agree(chain: SubnetChain) -> None:
    netuid = chain.subnet()
    second = chain.api(f"{API}.get_subnet_hyperparams_v2", netuid=netuid)
    third = {
        entry["name"]: next(iter(entry["value"].items()))
        for entry in chain.api(f"{API}.get_subnet_hyperparams_v3", netuid=netuid)
    }
    assert second["yuma_version"] == 3
    assert second["subnet_is_active"]
    assert {name: value for name, (_, value) in third.items() if name in second} == second
    assert third["burn_increase_mult"] == ("U64F64", {"bits": chain.get("BurnIncreaseMult", netuid)["bits"]})
    assert third["min_burn"] == ("TaoBalance", 500_000)
    assert third["alpha_sigmoid_steepness"] == ("I32F32", {"bits": 1_000 << 32})
    assert third["subnet_emission_enabled"] == ("Bool", True)


def test_dynamic_info_shows_the_pool(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    info = chain.api(f"{API}.get_dynamic_info", netuid=netuid)
    assert info["tao_in"] == info["alpha_in"] == 1_000 * RAO
    assert info["owner_coldkey"] == BOB
    assert [each["netuid"] for each in chain.api(f"{API}.get_all_dynamic_info")] == [0, 1, netuid]


def test_a_subnet_s_state_is_the_neurons_part_of_its_metagraph(chain: SubnetChain) -> None:
    netuid = chain.subnet()
    chain.join(netuid, "miner")
    state = chain.api(f"{API}.get_subnet_state", netuid=netuid)
    assert state["hotkeys"] == [address("owner"), address("miner")]
    assert len(state["total_stake"]) == 2


def test_the_old_descriptions_are_still_answered(chain: SubnetChain) -> None:
    for name, listed in (("get_subnet_info", "get_subnets_info"), ("get_subnet_info_v2", "get_subnets_info_v2")):
        one = chain.api(f"{API}.{name}", netuid=1)
        assert one["tempo"] == 100
        assert one["subnetwork_n"] == 1
        assert one in chain.api(f"{API}.{listed}")


def test_single_answers(chain: SubnetChain) -> None:
    assert chain.api(f"{API}.get_block_emission") == RAO
    assert chain.api(f"{API}.get_subnet_to_prune") is None
    assert chain.api(f"{API}.get_coldkey_auto_stake_hotkey", coldkey=ALICE, netuid=1) is None
    assert chain.api(f"{API}.get_next_epoch_start_block", netuid=1) == 100
    first, second = (chain.api(f"{API}.get_subnet_account_id", netuid=netuid) for netuid in (0, 1))
    assert first != second
    assert chain.api("SubnetRegistrationRuntimeApi.get_network_registration_cost") == 1_000 * RAO


def test_neurons_carry_their_weights_and_bonds(chain: SubnetChain) -> None:
    netuid = chain.subnet()
    chain.put("Weights", netuid, 0, value=[(0, 0), (1, 9)])
    chain.put("Bonds", netuid, 0, value=[(1, 7)])
    (neuron,) = chain.api("NeuronInfoRuntimeApi.get_neurons", netuid=netuid)
    assert (neuron["weights"], neuron["bonds"]) == ([(1, 9)], [(1, 7)])
    assert chain.api("NeuronInfoRuntimeApi.get_neuron", netuid=netuid, uid=0) == neuron
    assert chain.api("NeuronInfoRuntimeApi.get_neuron_lite", netuid=netuid, uid=0)["uid"] == 0


def test_an_older_block_is_answered_as_it_was(chain: SubnetChain) -> None:
    chain.mine()
    before = chain.chain.head.hash
    chain.mine()
    netuid = chain.subnet()
    codec = chain.chain.profile.codec
    shape = codec.api(f"{API}.get_all_dynamic_info")
    assert shape is not None
    then = codec.decode(shape.output, chain.chain.call_api(f"{API}.get_all_dynamic_info", b"", before))
    assert [each["netuid"] for each in then] == [0, 1]
    assert netuid == 2


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("get_root_basket_owed", 0),
        ("get_basket_payout", 0),
        ("get_validator_basket_nav", 0),
        ("get_root_basket_total_nav", 0),
        ("get_validator_basket", []),
        ("get_all_validator_baskets", []),
        ("get_root_basket_positions", []),
        ("get_root_basket_portfolio", []),
        ("get_beta_portfolio", []),
        ("get_basket_position", None),
        ("get_beta_position", None),
        ("get_beta_pricing", None),
        ("get_all_beta_pricing", {"pricing": [], "next": None}),
        ("get_beta_index", ({"bits": 1 << 64}, {"bits": 1 << 64})),
    ],
)
def test_baskets_are_empty(chain: SubnetChain, method: str, expected: Any) -> None:
    name = f"BetaBasketRuntimeApi.{method}"
    shape = chain.chain.profile.codec.api(name)
    assert shape is not None
    values = {"hotkey": ALICE, "coldkey": BOB, "start_after": None, "limit": 5}
    parameters = {parameter: values[parameter] for parameter, _ in shape.inputs}
    assert chain.api(name, **parameters) == expected


def test_a_basket_s_summary_and_status_name_its_hotkey(chain: SubnetChain) -> None:
    summary = chain.api("BetaBasketRuntimeApi.get_validator_basket_summary", hotkey=ALICE)
    assert (summary["hotkey"], summary["shares"]) == (ALICE, 0)
    status = chain.api("BetaBasketRuntimeApi.get_basket_trading_status", hotkey=ALICE)
    assert not status["enabled"]
