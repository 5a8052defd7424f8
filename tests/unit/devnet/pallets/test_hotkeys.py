import pytest

from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

SWAP = f"{SUBTENSOR}.swap_hotkey"
OLD, NEW = address("old"), address("new")


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    """A subnet on which ``old`` (of Bob) is uid 1, serves, is staked to, and has a child."""
    netuid = chain.subnet(tempo=1_000)
    chain.join(netuid, "old", coldkey=BOB)
    axon = dict.fromkeys(["block", "version", "ip", "port", "ip_type", "protocol", "placeholder1", "placeholder2"], 1)
    chain.put("Axons", netuid, OLD, value=axon)
    for who in (ALICE, BOB):
        chain.run(who, f"{SUBTENSOR}.add_stake", hotkey=OLD, netuid=netuid, amount_staked=10 * RAO)
    chain.put("ChildKeys", OLD, netuid, value=[(5, address("child"))])
    chain.put("ParentKeys", address("child"), netuid, value=[(5, OLD)])
    chain.run(OLD, "Commitments.set_commitment", netuid=netuid, info={"fields": [{"Raw1": b"x"}]})
    return netuid


def test_a_new_hotkey_takes_everything_over(chain: SubnetChain, netuid: int) -> None:
    chain.run(BOB, f"{SUBTENSOR}.decrease_take", hotkey=OLD, take=10)
    staked = chain.get("TotalHotkeyAlpha", OLD, netuid)
    before = chain.state.get("System", "Account", BOB)["data"]["free"]
    issued = chain.state.get("Balances", "TotalIssuance")
    assert chain.event_ids(BOB, SWAP, hotkey=OLD, new_hotkey=NEW, netuid=None)[-1] == "HotkeySwapped"
    assert before - chain.state.get("System", "Account", BOB)["data"]["free"] == RAO // 10
    assert issued - chain.state.get("Balances", "TotalIssuance") == RAO // 10
    assert (chain.uid(netuid, OLD), chain.uid(netuid, NEW)) == (None, 1)
    assert chain.get("Keys", netuid, 1) == NEW
    assert chain.get("Axons", netuid, NEW)["port"] == 1
    assert chain.get("Owner", NEW) == BOB
    assert not chain.state.has(SUBTENSOR, "Owner", OLD)
    assert OLD not in chain.get("OwnedHotkeys", BOB)
    assert chain.get("Delegates", NEW) == 10
    assert chain.get("TotalHotkeyAlpha", OLD, netuid) == 0
    assert chain.get("TotalHotkeyAlpha", NEW, netuid) == pytest.approx(staked, abs=2)
    assert chain.get("ChildKeys", NEW, netuid) == [(5, address("child"))]
    assert chain.get("ParentKeys", address("child"), netuid) == [(5, NEW)]
    assert chain.state.get("Commitments", "CommitmentOf", netuid, NEW) is not None
    assert chain.discrepancies() == {}


def test_a_swap_on_one_subnet_leaves_the_others(chain: SubnetChain, netuid: int) -> None:
    second = chain.subnet(hotkey="owner 2")
    chain.join(second, "old", coldkey=BOB)
    events = chain.event_ids(BOB, SWAP, hotkey=OLD, new_hotkey=NEW, netuid=netuid)
    assert events[-1] == "HotkeySwappedOnSubnet"
    assert chain.uid(netuid, NEW) == 1
    assert chain.uid(second, OLD) == 1
    assert chain.get("Owner", OLD) == chain.get("Owner", NEW) == BOB


def test_stake_may_stay_with_the_old_hotkey(chain: SubnetChain, netuid: int) -> None:
    staked = chain.get("TotalHotkeyAlpha", OLD, netuid)
    call = f"{SUBTENSOR}.swap_hotkey_v2"
    chain.run(BOB, call, hotkey=OLD, new_hotkey=NEW, netuid=netuid, keep_stake=True)
    assert chain.get("TotalHotkeyAlpha", OLD, netuid) == staked


def test_the_subnet_s_own_hotkey_is_followed(chain: SubnetChain, netuid: int) -> None:
    chain.put("SubnetOwnerHotkey", netuid, value=OLD)
    chain.put("CommitRevealWeightsEnabled", netuid, value=True)
    chain.put("TimelockedWeightCommits", netuid, 9, value=[(OLD, 1, b"x", 2), (address("z"), 1, b"x", 2)])
    chain.run(BOB, SWAP, hotkey=OLD, new_hotkey=NEW, netuid=netuid)
    assert chain.get("SubnetOwnerHotkey", netuid) == NEW
    assert [each[0] for each in chain.get("TimelockedWeightCommits", netuid, 9)] == [NEW, address("z")]


def test_swaps_are_refused_for_the_chain_s_reasons(chain: SubnetChain, netuid: int) -> None:
    swap = {"hotkey": OLD, "netuid": None}
    assert chain.refused(ALICE, SWAP, new_hotkey=NEW, **swap) == "NonAssociatedColdKey"
    assert chain.refused(BOB, SWAP, new_hotkey=OLD, **swap) == "NewHotKeyIsSameWithOld"
    assert chain.refused(BOB, SWAP, new_hotkey=address("owner"), **swap) == "NonAssociatedColdKey"
    chain.join(netuid, "registered", coldkey=BOB)
    assert chain.refused(BOB, SWAP, new_hotkey=address("registered"), **swap) == "HotKeyAlreadyRegisteredInSubNet"
    chain.fund(BOB, 0)
    assert chain.refused(BOB, SWAP, new_hotkey=NEW, **swap) == "NotEnoughBalanceToPaySwapHotKey"
    chain.fund(BOB, 10)
    chain.run(BOB, SWAP, new_hotkey=NEW, **swap)
    again = {"hotkey": NEW, "new_hotkey": address("newer"), "netuid": None}
    assert chain.refused(BOB, SWAP, **again) == "HotKeySetTxRateLimitExceeded"
    on_subnet = {**again, "netuid": netuid}
    chain.run(BOB, SWAP, **on_subnet)
    back = {"hotkey": address("newer"), "new_hotkey": address("newest"), "netuid": netuid}
    assert chain.refused(BOB, SWAP, **back) == "HotKeySwapOnSubnetIntervalNotPassed"
