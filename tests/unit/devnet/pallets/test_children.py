import pytest

from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

SET = f"{SUBTENSOR}.set_children"
HALF = 2**63


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    netuid = chain.subnet()
    chain.join(netuid, "parent", "child", "other")
    chain.put("PendingChildKeyCooldown", value=2)
    return netuid


def give(netuid: int, *children: tuple[int, str], hotkey: str = "parent") -> dict[str, object]:
    return {
        "hotkey": address(hotkey),
        "netuid": netuid,
        "children": [(share, address(each)) for share, each in children],
    }


def test_children_take_effect_after_the_cooldown(chain: SubnetChain, netuid: int) -> None:
    names = chain.event_ids(ALICE, SET, **give(netuid, (HALF, "child")))
    assert names == ["SetChildrenScheduled"]
    chain.mine(3)
    assert chain.get("ChildKeys", address("parent"), netuid) == []
    chain.mine()
    assert chain.get("ChildKeys", address("parent"), netuid) == [(HALF, address("child"))]
    assert chain.get("ParentKeys", address("child"), netuid) == [(HALF, address("parent"))]
    assert not chain.state.has(SUBTENSOR, "PendingChildKeys", netuid, address("parent"))


def test_new_children_replace_the_old_ones(chain: SubnetChain, netuid: int) -> None:
    chain.run(ALICE, SET, **give(netuid, (HALF, "child")))
    chain.mine(4)
    assert chain.refused(ALICE, SET, **give(netuid)) == "TxRateLimitExceeded"
    chain.mine(150)
    chain.run(ALICE, SET, **give(netuid, (HALF, "other")))
    chain.mine(4)
    assert chain.get("ParentKeys", address("child"), netuid) == []
    assert chain.get("ParentKeys", address("other"), netuid) == [(HALF, address("parent"))]
    chain.mine(150)
    chain.run(ALICE, SET, **give(netuid))
    chain.mine(4)
    assert not chain.state.has(SUBTENSOR, "ChildKeys", address("parent"), netuid)


def test_children_are_refused_for_the_chain_s_reasons(chain: SubnetChain, netuid: int) -> None:
    assert chain.refused(ALICE, SET, **give(0, (1, "child"))) == "RegistrationNotPermittedOnRootSubnet"
    assert chain.refused(ALICE, SET, **give(77, (1, "child"))) == "SubnetNotExists"
    assert chain.refused(BOB, SET, **give(netuid, (1, "child"))) == "NonAssociatedColdKey"
    many = [(1, f"child {number}") for number in range(6)]
    assert chain.refused(ALICE, SET, **give(netuid, *many)) == "TooManyChildren"
    assert chain.refused(ALICE, SET, **give(netuid, (1, "parent"))) == "InvalidChild"
    assert chain.refused(ALICE, SET, **give(netuid, (HALF, "child"), (HALF, "other"))) == "ProportionOverflow"
    assert chain.refused(ALICE, SET, **give(netuid, (1, "child"), (1, "child"))) == "DuplicateChild"
    chain.put("StakeThreshold", value=RAO)
    assert chain.refused(ALICE, SET, **give(netuid, (1, "child"))) == "NotEnoughStakeToSetChildkeys"
    chain.put("StakeThreshold", value=0)
    chain.run(ALICE, SET, **give(netuid, (1, "child")))
    chain.mine(4)
    assert chain.refused(ALICE, SET, **give(netuid, (1, "parent"), hotkey="child")) == "ChildParentInconsistency"


def test_the_cooldown_is_root_s(chain: SubnetChain) -> None:
    call = f"{SUBTENSOR}.set_pending_childkey_cooldown"
    assert chain.refused(ALICE, call, cooldown=5) == "BadOrigin"
    chain.run(ROOT, call, cooldown=5)
    assert chain.get("PendingChildKeyCooldown") == 5
