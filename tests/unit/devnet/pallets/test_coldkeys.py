import pytest

from taostack.devnet.codec import blake2_256, ss58_decode
from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

NEW = address("new coldkey")
HASH = "0x" + blake2_256(ss58_decode(NEW)).hex()
ANNOUNCE = f"{SUBTENSOR}.announce_coldkey_swap"
SWAP = f"{SUBTENSOR}.swap_coldkey_announced"
TRANSFER = "Balances.transfer_keep_alive"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


def test_an_announced_swap_moves_everything_after_its_delay(chain: SubnetChain) -> None:
    netuid = chain.subnet(BOB)
    chain.run(BOB, f"{SUBTENSOR}.add_stake", hotkey=address("owner"), netuid=netuid, amount_staked=10 * RAO)
    fields = dict.fromkeys(["url", "github_repo", "image", "discord", "description", "additional"], b"")
    chain.run(BOB, f"{SUBTENSOR}.set_identity", name=b"bob", **fields)
    staked = chain.get("TotalHotkeyAlpha", address("owner"), netuid)
    assert chain.event_ids(BOB, ANNOUNCE, new_coldkey_hash=HASH)[-1] == "ColdkeySwapAnnounced"
    assert chain.refused(BOB, SWAP, new_coldkey=NEW) == "ColdkeySwapTooEarly"
    assert chain.refused(BOB, SWAP, new_coldkey=ALICE) == "AnnouncedColdkeyHashDoesNotMatch"
    chain.put("Tempo", netuid, value=0)
    chain.put("SubnetEmissionEnabled", netuid, value=False)
    chain.mine(50)
    assert chain.event_ids(BOB, SWAP, new_coldkey=NEW)[-1] == "ColdkeySwapped"
    assert chain.get("SubnetOwner", netuid) == NEW
    assert chain.get("Owner", address("owner")) == NEW
    assert chain.get("OwnedHotkeys", NEW) == [address("owner")]
    assert chain.get("OwnedHotkeys", BOB) == []
    assert chain.get("IdentitiesV2", NEW)["name"] == "bob"
    assert chain.get("TotalHotkeyAlpha", address("owner"), netuid) == pytest.approx(staked, abs=2)
    assert chain.state.get("System", "Account", BOB)["data"]["free"] == 0
    assert chain.state.get("System", "Account", NEW)["data"]["free"] > 0
    assert chain.discrepancies() == {}


def test_an_account_that_is_being_swapped_moves_nothing(chain: SubnetChain) -> None:
    transfer = {"dest": ALICE, "value": 1}
    assert chain.pool_code(BOB, TRANSFER, **transfer) is None
    chain.run(BOB, ANNOUNCE, new_coldkey_hash=HASH)
    assert chain.pool_code(BOB, TRANSFER, **transfer) == 0
    assert chain.event_ids(BOB, f"{SUBTENSOR}.dispute_coldkey_swap") == ["ColdkeySwapDisputed"]
    assert chain.pool_code(BOB, TRANSFER, **transfer) == 21
    assert chain.refused(BOB, f"{SUBTENSOR}.dispute_coldkey_swap") == "ColdkeySwapAlreadyDisputed"
    assert chain.refused(BOB, SWAP, new_coldkey=NEW) == "ColdkeySwapDisputed"
    assert chain.event_ids(ROOT, f"{SUBTENSOR}.reset_coldkey_swap", coldkey=BOB) == ["ColdkeySwapReset"]
    assert chain.pool_code(BOB, TRANSFER, **transfer) is None


def test_announcements_are_taken_back_or_renewed_after_a_while(chain: SubnetChain) -> None:
    clear = f"{SUBTENSOR}.clear_coldkey_swap_announcement"
    assert chain.refused(BOB, clear) == "ColdkeySwapAnnouncementNotFound"
    assert chain.refused(BOB, f"{SUBTENSOR}.dispute_coldkey_swap") == "ColdkeySwapAnnouncementNotFound"
    assert chain.refused(BOB, SWAP, new_coldkey=NEW) == "ColdkeySwapAnnouncementNotFound"
    chain.run(BOB, ANNOUNCE, new_coldkey_hash=HASH)
    assert chain.refused(BOB, ANNOUNCE, new_coldkey_hash=HASH) == "ColdkeySwapReannouncedTooEarly"
    assert chain.refused(BOB, clear) == "ColdkeySwapClearTooEarly"
    chain.mine(60)
    chain.run(BOB, ANNOUNCE, new_coldkey_hash=HASH)
    chain.mine(60)
    assert chain.event_ids(BOB, clear) == ["ColdkeySwapCleared"]
    chain.fund(BOB, 0)
    assert chain.refused(BOB, ANNOUNCE, new_coldkey_hash=HASH) == "NotEnoughBalanceToPaySwapColdKey"


def test_root_swaps_at_once_but_only_to_a_fresh_coldkey(chain: SubnetChain) -> None:
    chain.subnet(BOB)
    chain.subnet(ALICE, hotkey="other")
    call = f"{SUBTENSOR}.swap_coldkey"
    swap = {"old_coldkey": BOB, "swap_cost": RAO}
    assert chain.refused(BOB, call, new_coldkey=NEW, **swap) == "BadOrigin"
    assert chain.refused(ROOT, call, new_coldkey=ALICE, **swap) == "ColdKeyAlreadyAssociated"
    assert chain.refused(ROOT, call, new_coldkey=address("other"), **swap) == "NewColdKeyIsHotkey"
    poor = {"old_coldkey": chain.fund(address("poor"), 0), "swap_cost": RAO}
    assert chain.refused(ROOT, call, new_coldkey=NEW, **poor) == "NotEnoughBalanceToPaySwapColdKey"
    chain.run(ROOT, call, new_coldkey=NEW, **swap)
    assert chain.get("SubnetOwner", 2) == NEW


def test_the_old_announcement_is_deprecated(chain: SubnetChain) -> None:
    assert chain.refused(BOB, f"{SUBTENSOR}.schedule_swap_coldkey", new_coldkey=NEW) == "Deprecated"
