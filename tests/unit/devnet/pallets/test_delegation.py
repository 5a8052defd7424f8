import pytest

from tests.support.ledger_chain import ALICE, BOB, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

UP, DOWN = f"{SUBTENSOR}.increase_take", f"{SUBTENSOR}.decrease_take"
CHILDKEY = f"{SUBTENSOR}.set_childkey_take"
VALIDATOR = address("validator")


@pytest.fixture
def chain() -> SubnetChain:
    chain = SubnetChain()
    chain.run(ALICE, f"{SUBTENSOR}.try_associate_hotkey", hotkey=VALIDATOR)
    return chain


def test_a_hotkey_is_associated_once(chain: SubnetChain) -> None:
    assert chain.get("Owner", VALIDATOR) == ALICE
    chain.run(BOB, f"{SUBTENSOR}.try_associate_hotkey", hotkey=VALIDATOR)
    assert chain.get("Owner", VALIDATOR) == ALICE
    assert VALIDATOR in chain.get("OwnedHotkeys", ALICE)


def test_a_take_goes_down_freely_and_up_rarely(chain: SubnetChain) -> None:
    chain.run(ROOT, "AdminUtils.sudo_set_tx_delegate_take_rate_limit", tx_rate_limit=5)
    assert chain.event_ids(ALICE, DOWN, hotkey=VALIDATOR, take=5_000) == ["TakeDecreased"]
    assert chain.refused(ALICE, DOWN, hotkey=VALIDATOR, take=5_000) == "DelegateTakeTooLow"
    assert chain.refused(ALICE, UP, hotkey=VALIDATOR, take=6_000) == "DelegateTxRateLimitExceeded"
    chain.mine(6)
    assert chain.refused(ALICE, UP, hotkey=VALIDATOR, take=5_000) == "DelegateTakeTooLow"
    assert chain.refused(ALICE, UP, hotkey=VALIDATOR, take=12_000) == "DelegateTakeTooHigh"
    assert chain.event_ids(ALICE, UP, hotkey=VALIDATOR, take=6_000) == ["TakeIncreased"]
    assert chain.get("Delegates", VALIDATOR) == 6_000


def test_takes_are_the_owner_s(chain: SubnetChain) -> None:
    assert chain.refused(BOB, DOWN, hotkey=VALIDATOR, take=1) == "NonAssociatedColdKey"
    assert chain.refused(BOB, UP, hotkey=address("nobody"), take=1) == "HotKeyAccountNotExists"


def test_takes_that_nobody_may_have_are_refused_in_the_pool(chain: SubnetChain) -> None:
    chain.run(ROOT, "AdminUtils.sudo_set_min_delegate_take", take=10)
    assert chain.pool_code(ALICE, UP, hotkey=VALIDATOR, take=20_000) == 27
    assert chain.pool_code(ALICE, DOWN, hotkey=VALIDATOR, take=9) == 26
    assert chain.pool_code(ALICE, DOWN, hotkey=VALIDATOR, take=10) is None


def test_a_childkey_take_is_bounded_and_rises_rarely(chain: SubnetChain) -> None:
    netuid = chain.subnet()
    take = {"hotkey": VALIDATOR, "netuid": netuid}
    chain.run(ALICE, "AdminUtils.sudo_set_min_childkey_take_per_subnet", netuid=netuid, take=100)
    assert chain.refused(ALICE, CHILDKEY, take=99, **take) == "InvalidChildkeyTake"
    assert chain.refused(ALICE, CHILDKEY, take=12_000, **take) == "InvalidChildkeyTake"
    assert chain.event_ids(ALICE, CHILDKEY, take=500, **take) == ["ChildKeyTakeSet"]
    assert chain.refused(ALICE, CHILDKEY, take=501, **take) == "TxChildkeyTakeRateLimitExceeded"
    chain.run(ALICE, CHILDKEY, take=400, **take)
    assert chain.get("ChildkeyTake", VALIDATOR, netuid) == 400


def test_the_bounds_of_childkey_takes_are_root_s(chain: SubnetChain) -> None:
    for call, argument, item in (
        ("sudo_set_tx_childkey_take_rate_limit", "tx_rate_limit", "TxChildkeyTakeRateLimit"),
        ("sudo_set_min_childkey_take", "take", "MinChildkeyTake"),
        ("sudo_set_max_childkey_take", "take", "MaxChildkeyTake"),
    ):
        assert chain.refused(ALICE, f"{SUBTENSOR}.{call}", **{argument: 7}) == "BadOrigin"
        chain.run(ROOT, f"{SUBTENSOR}.{call}", **{argument: 7})
        assert chain.get(item) == 7


def test_a_validator_may_keep_its_stake_to_itself(chain: SubnetChain) -> None:
    call = f"{SUBTENSOR}.set_auto_parent_delegation_enabled"
    assert chain.event_ids(ALICE, call, hotkey=VALIDATOR, enabled=False) == ["AutoParentDelegationEnabledSet"]
    assert chain.get("AutoParentDelegationEnabled", VALIDATOR) is False
