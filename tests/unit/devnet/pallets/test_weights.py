from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taostack.devnet.pallets.weights.vector import is_self_weight, max_upscale, within_limit
from tests.support.ledger_chain import ALICE, SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

SET = f"{SUBTENSOR}.set_weights"
OWNER = address("owner")
VALIDATOR = address("validator")


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    """A subnet with its owner's hotkey, a permitted validator and two miners, no rate limit."""
    netuid = chain.subnet(tempo=1_000)
    chain.join(netuid, "validator", "a", "b")
    chain.permit(netuid, 1)
    chain.put("WeightsSetRateLimit", netuid, value=0)
    return netuid


def vector(netuid: int, uids: list[int], weights: list[int], version_key: int = 0) -> dict[str, Any]:
    return {"netuid": netuid, "dests": uids, "weights": weights, "version_key": version_key}


def test_a_vector_is_stored_with_its_largest_entry_at_65535(chain: SubnetChain, netuid: int) -> None:
    events = chain.run(VALIDATOR, SET, **vector(netuid, [2, 3], [1, 4]))
    assert [tuple(each["attributes"]) for each in events] == [(netuid, 1)]
    assert chain.get("Weights", netuid, 1) == [(2, 16_384), (3, 65_535)]
    assert chain.get("LastUpdate", netuid)[1] == chain.block + 1


def test_every_rule_answers_by_name_in_the_chain_s_order(chain: SubnetChain, netuid: int) -> None:
    def refused(who: str, uids: list[int], weights: list[int], key: int = 0, at: int = netuid) -> str:
        return chain.refused(who, SET, **vector(at, uids, weights, key))

    assert refused(VALIDATOR, [1], [1], at=0) == "CanNotSetRootNetworkWeights"
    assert refused(VALIDATOR, [1, 2], [1]) == "WeightVecNotEqualSize"
    assert refused(VALIDATOR, [1], [1], at=77) == "SubnetNotExists"
    assert refused(VALIDATOR, [0] * 5, [1] * 5) == "UidsLengthExceedUidsInSubNet"
    assert refused(address("nobody"), [2], [1]) == "HotKeyNotRegisteredInSubNet"
    chain.put("WeightsVersionKey", netuid, value=7)
    assert refused(VALIDATOR, [2], [1], key=6) == "IncorrectWeightVersionKey"
    chain.put("WeightsVersionKey", netuid, value=0)
    assert refused(address("a"), [1], [1]) == "NeuronNoValidatorPermit"
    assert refused(VALIDATOR, [2, 2], [1, 1]) == "DuplicateUids"
    assert refused(VALIDATOR, [2, 4], [1, 1]) == "UidVecContainInvalidOne"
    chain.put("MinAllowedWeights", netuid, value=2)
    assert refused(VALIDATOR, [2], [1]) == "WeightVecLengthIsLow"
    chain.put("MaxWeightsLimit", netuid, value=40_000)
    assert refused(VALIDATOR, [2, 3], [1, 4]) == "MaxWeightExceeded"
    chain.run(VALIDATOR, SET, **vector(netuid, [2, 3], [3, 4]))


def test_a_self_weight_needs_no_permit_and_no_company(chain: SubnetChain, netuid: int) -> None:
    chain.put("MinAllowedWeights", netuid, value=3)
    chain.put("MaxWeightsLimit", netuid, value=100)
    chain.run(address("a"), SET, **vector(netuid, [2], [9]))
    assert chain.get("Weights", netuid, 2) == [(2, 65_535)]


def test_the_subnet_s_own_hotkey_needs_no_permit_and_no_stake(chain: SubnetChain, netuid: int) -> None:
    chain.put("StakeThreshold", value=10**12)
    chain.run(OWNER, SET, **vector(netuid, [2], [9]))
    assert chain.refused(VALIDATOR, SET, **vector(netuid, [2], [9])) == "NotEnoughStakeToSetWeights"
    assert chain.pool_code(VALIDATOR, SET, **vector(netuid, [2], [9])) == 1
    assert chain.pool_code(OWNER, SET, **vector(netuid, [2], [9])) is None


def test_a_stake_threshold_is_reached_with_stake(chain: SubnetChain, netuid: int) -> None:
    chain.run(ALICE, f"{SUBTENSOR}.add_stake", hotkey=VALIDATOR, netuid=netuid, amount_staked=50 * 10**9)
    chain.put("StakeThreshold", value=10**9)
    chain.run(VALIDATOR, SET, **vector(netuid, [2], [9]))


def test_setting_again_too_soon_is_refused_in_the_pool_and_in_the_block(chain: SubnetChain, netuid: int) -> None:
    chain.put("WeightsSetRateLimit", netuid, value=5)
    chain.mine(5)
    chain.run(VALIDATOR, SET, **vector(netuid, [2], [9]))
    assert chain.refused(VALIDATOR, SET, **vector(netuid, [3], [9])) == "SettingWeightsTooFast"
    assert chain.pool_code(VALIDATOR, SET, **vector(netuid, [3], [9])) == 6
    chain.mine(5)
    assert chain.pool_code(VALIDATOR, SET, **vector(netuid, [3], [9])) is None
    chain.run(VALIDATOR, SET, **vector(netuid, [3], [9]))


def test_unknown_hotkeys_and_subnets_are_refused_in_the_pool(chain: SubnetChain, netuid: int) -> None:
    assert chain.pool_code(address("nobody"), SET, **vector(netuid, [1], [1])) == 19
    assert chain.pool_code(VALIDATOR, SET, **vector(77, [1], [1])) == 3


def test_plain_weights_are_refused_while_commit_reveal_is_on(chain: SubnetChain, netuid: int) -> None:
    chain.put("CommitRevealWeightsEnabled", netuid, value=True)
    assert chain.refused(VALIDATOR, SET, **vector(netuid, [2], [9])) == "CommitRevealEnabled"


def test_mechanisms_have_weights_of_their_own(chain: SubnetChain, netuid: int) -> None:
    call = f"{SUBTENSOR}.set_mechanism_weights"
    assert chain.refused(VALIDATOR, call, mecid=1, **vector(netuid, [2], [9])) == "MechanismDoesNotExist"
    chain.put("MechanismCountCurrent", netuid, value=2)
    chain.run(VALIDATOR, call, mecid=1, **vector(netuid, [2], [9]))
    assert chain.get("Weights", netuid + 4096, 1) == [(2, 65_535)]
    assert chain.get("Weights", netuid, 1) == []


def test_a_batch_goes_on_after_a_failure_and_says_so(chain: SubnetChain, netuid: int) -> None:
    call = f"{SUBTENSOR}.batch_set_weights"
    rows = {"weights": [[(2, 5)], [(2, 5)]], "version_keys": [0, 0]}
    names = chain.event_ids(VALIDATOR, call, netuids=[netuid, 1], **rows)
    assert names == ["WeightsSet", "BatchWeightItemFailed", "BatchCompletedWithErrors"]
    assert chain.get("Weights", netuid, 1) == [(2, 65_535)]
    assert chain.pool_code(VALIDATOR, call, netuids=[netuid, 1], **rows) == 19
    rows["version_keys"] = [0]
    assert chain.refused(VALIDATOR, call, netuids=[netuid, 1], **rows) == "InputLengthsUnequal"
    names = chain.event_ids(VALIDATOR, call, netuids=[netuid], weights=[[(2, 5)]], version_keys=[0])
    assert names[-1] == "BatchWeightsCompleted"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([0, 0], [0, 0]),
        ([0, 65_535], [0, 65_535]),
        ([1, 2, 3], [21_845, 43_690, 65_535]),
        ([1, 40_000], [2, 65_535]),
        ([32_768], [65_535]),
    ],
)
def test_upscaling_follows_the_chain_s_fixed_point(values: list[int], expected: list[int]) -> None:
    assert max_upscale(values) == expected


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=40))
def test_upscaling_keeps_the_order_and_never_is_off_by_more_than_one(values: list[int]) -> None:
    scaled = max_upscale(values)
    largest = max(values)
    if largest:
        assert max(scaled) == 65_535
        assert all(abs(out - value * 65_535 / largest) <= 1 for out, value in zip(scaled, values, strict=True))
    assert [value for _, value in sorted(zip(values, scaled, strict=True))] == sorted(scaled)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=40), st.integers(0, 65_534))
def test_the_limit_holds_for_shares_not_for_numbers(values: list[int], limit: int) -> None:
    total = sum(values)
    assert within_limit(values, limit) == (total == 0 or max(values) / total <= limit / 65_535 + 1e-15)
    assert within_limit(values, 65_535)


def test_only_one_entry_to_oneself_is_a_self_weight() -> None:
    assert is_self_weight(3, [3])
    assert not is_self_weight(3, [4])
    assert not is_self_weight(3, [3, 4])
