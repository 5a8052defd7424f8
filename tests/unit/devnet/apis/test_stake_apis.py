"""Prices, positions and delegates as clients read them, through SCALE and back."""

import pytest

from taostack.devnet.pallets import stake_ledger as ledger
from tests.support.ledger_chain import ALICE, BOB, CHARLIE, RAO, LedgerChain, address

V1 = address("v1")
STAKE, DELEGATE, SWAP = "StakeInfoRuntimeApi", "DelegateInfoRuntimeApi", "SwapRuntimeApi"


@pytest.fixture(scope="module")
def chain() -> LedgerChain:
    """Bob's validator on subnet 2 and on root, with a stake of Charlie's, after some epochs."""
    chain = LedgerChain()
    netuid = chain.subnet()
    chain.call(BOB, "burned_register", netuid=netuid, hotkey=V1)
    chain.call(BOB, "add_stake", hotkey=V1, netuid=netuid, amount_staked=300 * RAO)
    chain.call(BOB, "add_stake", hotkey=V1, netuid=0, amount_staked=10 * RAO)
    chain.call(CHARLIE, "add_stake", hotkey=V1, netuid=netuid, amount_staked=50 * RAO)
    chain.put("Delegates", V1, value=6_554)
    chain.mine(25)
    return chain


def test_prices_of_all_subnets(chain: LedgerChain) -> None:
    prices = {each["netuid"]: each["price"] for each in chain.api(f"{SWAP}.current_alpha_price_all")}
    assert prices[0] == RAO
    assert prices[2] == chain.api(f"{SWAP}.current_alpha_price", netuid=2) == ledger.alpha_price(chain.state, 2)


def test_positions_of_coldkeys(chain: LedgerChain) -> None:
    (on_root, on_subnet) = chain.api(f"{STAKE}.get_stake_info_for_coldkey", coldkey_account=BOB)
    assert (on_root["netuid"], on_root["stake"], on_root["is_registered"]) == (0, 10 * RAO, False)
    assert (on_subnet["netuid"], on_subnet["is_registered"]) == (2, True)
    assert on_subnet["stake"] == ledger.alpha_of(chain.state, V1, BOB, 2)
    assert on_subnet["emission"] > 0
    both = dict(chain.api(f"{STAKE}.get_stake_info_for_coldkeys", coldkey_accounts=[BOB, CHARLIE]))
    assert both[BOB] == [on_root, on_subnet]
    assert [each["netuid"] for each in both[CHARLIE]] == [2]


def test_one_position(chain: LedgerChain) -> None:
    def ask(coldkey: str, netuid: int) -> dict[str, int] | None:
        name = f"{STAKE}.get_stake_info_for_hotkey_coldkey_netuid"
        found: dict[str, int] | None = chain.api(name, hotkey_account=V1, coldkey_account=coldkey, netuid=netuid)
        return found

    held, nothing = ask(CHARLIE, 2), ask(ALICE, 2)
    assert held is not None
    assert nothing is not None
    assert held["stake"] > 40 * RAO / 2
    assert nothing["stake"] == 0
    assert ask(BOB, 99) is None


def test_what_is_free_and_what_is_locked(chain: LedgerChain) -> None:
    everything = chain.api(f"{STAKE}.get_stake_availability_for_coldkeys", coldkey_accounts=[BOB], netuids=None)
    assert set(everything[BOB]) == {0, 2}
    assert everything[BOB][0] == {"total": 10 * RAO, "locked": 0, "available": 10 * RAO}
    assert chain.api(f"{STAKE}.get_coldkey_lock", coldkey=BOB, netuid=2) is None
    assert chain.api(f"{STAKE}.get_hotkey_conviction", hotkey=V1, netuid=2) == {"bits": 0}
    assert chain.api(f"{STAKE}.get_most_convicted_hotkey_on_subnet", netuid=2) is None


def test_convictions(chain: LedgerChain) -> None:
    for hotkey, conviction in ((V1, 5), (address("other"), 7)):
        lock = {"locked_mass": 1, "conviction": {"bits": conviction}, "last_update": 0}
        chain.put("HotkeyLock", 1, hotkey, value=lock)
    assert chain.api(f"{STAKE}.get_hotkey_conviction", hotkey=V1, netuid=1) == {"bits": 5}
    assert chain.api(f"{STAKE}.get_most_convicted_hotkey_on_subnet", netuid=1) == address("other")


@pytest.mark.parametrize(
    ("origin", "destination", "fee"),
    [
        (None, (V1, 2), RAO * 33 // 65_535),
        ((V1, 2), None, RAO * 33 // 65_535),
        ((V1, 2), (V1, 0), RAO * 33 // 65_535),
        ((V1, 0), (V1, 2), RAO * 33 // 65_535),
        ((V1, 2), (address("v2"), 2), 0),
        ((V1, 0), None, 0),
    ],
)
def test_the_fee_of_a_stake_operation(
    chain: LedgerChain, origin: tuple[str, int] | None, destination: tuple[str, int] | None, fee: int
) -> None:
    assert fee == chain.api(
        f"{STAKE}.get_stake_fee",
        origin=origin,
        origin_coldkey_account=BOB,
        destination=destination,
        destination_coldkey_account=BOB,
        amount=RAO,
    )


def test_delegates(chain: LedgerChain) -> None:
    (delegate,) = chain.api(f"{DELEGATE}.get_delegates")
    assert delegate == chain.api(f"{DELEGATE}.get_delegate", delegate_account=V1)
    assert (delegate["delegate_ss58"], delegate["owner_ss58"], delegate["take"]) == (V1, BOB, 6_554)
    assert (delegate["registrations"], delegate["validator_permits"]) == ([2], [2])
    assert {coldkey for coldkey, _ in delegate["nominators"]} == {BOB, CHARLIE}
    assert delegate["total_daily_return"] > 0
    assert delegate["return_per_1000"] > 0
    assert chain.api(f"{DELEGATE}.get_delegate", delegate_account=ALICE) is None
    ((info, (netuid, alpha)),) = chain.api(f"{DELEGATE}.get_delegated", delegatee_account=CHARLIE)
    assert info == delegate
    assert (netuid, alpha) == (2, ledger.alpha_of(chain.state, V1, CHARLIE, 2))
