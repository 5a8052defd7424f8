"""Staking does what the chain does, refuses what it refuses, and the books always add up."""

from typing import Any

import pytest

from taostack.devnet.pallets import stake_ledger as ledger
from taostack.devnet.pallets.balances import free_balance
from taostack.devnet.pallets.staking import EVERYTHING
from tests.support.ledger_chain import ALICE, BOB, CHARLIE, RAO, LedgerChain, address

V1, V2 = address("v1"), address("v2")


@pytest.fixture
def chain() -> LedgerChain:
    return LedgerChain()


@pytest.fixture
def netuid(chain: LedgerChain) -> int:
    """A started subnet with two of Bob's hotkeys."""
    subnet = chain.subnet()
    for hotkey in (V1, V2):
        chain.call(BOB, "burned_register", netuid=subnet, hotkey=hotkey)
    return subnet


def stake(chain: LedgerChain, netuid: int, tao: int = 100 * RAO, who: str = BOB, hotkey: str = V1) -> int:
    """Stake and return the alpha."""
    before = ledger.alpha_of(chain.state, hotkey, who, netuid)
    chain.call(who, "add_stake", hotkey=hotkey, netuid=netuid, amount_staked=tao)
    return ledger.alpha_of(chain.state, hotkey, who, netuid) - before


def test_staking_pays_the_pool_and_gives_its_alpha(chain: LedgerChain, netuid: int) -> None:
    quote = chain.api("SwapRuntimeApi.sim_swap_tao_for_alpha", netuid=netuid, tao=100 * RAO)
    balance, pool = free_balance(chain.state, BOB), ledger.pool_of(chain.state, netuid)
    assert stake(chain, netuid) == quote["alpha_amount"]
    after = ledger.pool_of(chain.state, netuid)
    assert free_balance(chain.state, BOB) == balance - 100 * RAO
    assert (after.tao, after.alpha) == (pool.tao + 100 * RAO, pool.alpha - quote["alpha_amount"])
    assert chain.discrepancies() == {}


def test_stake_on_root_is_tao(chain: LedgerChain, netuid: int) -> None:
    assert stake(chain, 0, 7 * RAO) == 7 * RAO
    assert chain.call(BOB, "remove_stake", hotkey=V1, netuid=0, amount_unstaked=7 * RAO) == [
        "SubtensorModule.StakeRemoved"
    ]
    assert ledger.alpha_of(chain.state, V1, BOB, 0) == 0
    assert chain.discrepancies() == {}


def test_events_carry_what_was_paid_and_received(chain: LedgerChain, netuid: int) -> None:
    assert chain.call(BOB, "add_stake", hotkey=V1, netuid=netuid, amount_staked=RAO) == ["SubtensorModule.StakeAdded"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"netuid": 77}, "SubnetNotExists"),
        ({"amount_staked": 2_000_000}, "AmountTooLow"),  # the fee comes on top of the minimum
        ({"amount_staked": 2_000_000 * RAO}, "NotEnoughBalanceToStake"),
        ({"hotkey": address("nobody")}, "HotKeyAccountNotExists"),
    ],
)
def test_add_stake_refuses(chain: LedgerChain, netuid: int, arguments: dict[str, Any], error: str) -> None:
    given = {"hotkey": V1, "netuid": netuid, "amount_staked": RAO} | arguments
    assert chain.refusal(BOB, "add_stake", **given) == error
    assert chain.discrepancies() == {}


def test_nothing_is_traded_before_the_subnet_starts(chain: LedgerChain) -> None:
    closed = chain.subnet(started=False)
    owner = address("owner")
    assert chain.refusal(ALICE, "add_stake", hotkey=owner, netuid=closed, amount_staked=RAO) == "SubtokenDisabled"
    assert chain.refusal(ALICE, "remove_stake", hotkey=owner, netuid=closed, amount_unstaked=1) == "SubtokenDisabled"


def test_a_swap_beyond_the_pool_is_refused(chain: LedgerChain, netuid: int) -> None:
    chain.put("SubnetTAO", netuid, value=10)
    assert chain.refusal(BOB, "add_stake", hotkey=V1, netuid=netuid, amount_staked=RAO) == "InsufficientLiquidity"


def limited(netuid: int, amount: int, price: int, *, partial: bool) -> dict[str, Any]:
    return {
        "hotkey": V1,
        "netuid": netuid,
        "amount_staked": amount,
        "limit_price": price,
        "allow_partial": partial,
    }


def test_a_limit_price_fills_all_part_or_nothing(chain: LedgerChain, netuid: int) -> None:
    price = chain.api("SwapRuntimeApi.current_alpha_price", netuid=netuid)
    limit = price * 105 // 100
    assert (
        chain.refusal(BOB, "add_stake_limit", **limited(netuid, 100 * RAO, limit, partial=False)) == "SlippageTooHigh"
    )
    assert chain.refusal(BOB, "add_stake_limit", **limited(netuid, RAO, price - 1, partial=True)) == "SlippageTooHigh"
    before = free_balance(chain.state, BOB)
    chain.call(BOB, "add_stake_limit", **limited(netuid, 100 * RAO, limit, partial=True))
    spent = before - free_balance(chain.state, BOB)
    assert 20 * RAO < spent < 30 * RAO
    assert chain.api("SwapRuntimeApi.current_alpha_price", netuid=netuid) == pytest.approx(limit, rel=1e-4)
    chain.call(BOB, "add_stake_limit", **limited(netuid, RAO, 2 * limit, partial=False))


def test_root_takes_any_limit_from_one_tao(chain: LedgerChain, netuid: int) -> None:
    assert chain.refusal(BOB, "add_stake_limit", **limited(0, RAO, RAO - 1, partial=True)) == "SlippageTooHigh"
    chain.call(BOB, "add_stake_limit", **limited(0, RAO, RAO, partial=False))


def test_unstaking_pays_the_coldkey(chain: LedgerChain, netuid: int) -> None:
    alpha = stake(chain, netuid)
    quote = chain.api("SwapRuntimeApi.sim_swap_alpha_for_tao", netuid=netuid, alpha=alpha // 2)
    before = free_balance(chain.state, BOB)
    chain.call(BOB, "remove_stake", hotkey=V1, netuid=netuid, amount_unstaked=alpha // 2)
    assert free_balance(chain.state, BOB) - before == quote["tao_amount"]
    assert chain.discrepancies() == {}


def test_more_than_the_position_means_all_of_it(chain: LedgerChain, netuid: int) -> None:
    stake(chain, netuid)
    chain.call(BOB, "remove_stake", hotkey=V1, netuid=netuid, amount_unstaked=EVERYTHING)
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) == 0
    assert not chain.state.has("SubtensorModule", "AlphaV2", V1, BOB, netuid)
    assert chain.discrepancies() == {}


def test_remove_stake_refuses_nothing_dust_and_leaving_dust(chain: LedgerChain, netuid: int) -> None:
    def refusal(alpha: int) -> str:
        return chain.refusal(BOB, "remove_stake", hotkey=V1, netuid=netuid, amount_unstaked=alpha)

    assert refusal(RAO) == "NotEnoughStakeToWithdraw"
    alpha = stake(chain, netuid)
    assert refusal(1_000) == "AmountTooLow"
    assert refusal(alpha - 1_000) == "AmountTooLow"
    chain.put("SubnetAlphaIn", netuid, value=10)
    assert refusal(alpha) == "InsufficientLiquidity"


def test_a_locked_position_stays(chain: LedgerChain, netuid: int) -> None:
    alpha = stake(chain, netuid)
    lock = {"locked_mass": alpha // 2, "conviction": {"bits": 0}, "last_update": 0}
    chain.put("Lock", BOB, netuid, V1, value=lock)
    assert chain.refusal(BOB, "remove_stake", hotkey=V1, netuid=netuid, amount_unstaked=alpha) == "StakeUnavailable"
    chain.call(BOB, "unstake_all", hotkey=V1)  # skips it
    availability = chain.api(
        "StakeInfoRuntimeApi.get_stake_availability_for_coldkeys", coldkey_accounts=[BOB], netuids=[netuid]
    )
    assert availability == {BOB: {netuid: {"total": alpha, "locked": alpha // 2, "available": alpha - alpha // 2}}}
    assert chain.api("StakeInfoRuntimeApi.get_coldkey_lock", coldkey=BOB, netuid=netuid) == lock


def test_root_stake_may_be_held_for_a_time(chain: LedgerChain, netuid: int) -> None:
    chain.put("RootStakeUnlockInterval", value=5)
    stake(chain, 0)
    assert chain.refusal(BOB, "remove_stake", hotkey=V1, netuid=0, amount_unstaked=RAO) == "RootStakeLocked"
    chain.mine(5)
    chain.call(BOB, "remove_stake", hotkey=V1, netuid=0, amount_unstaked=RAO)


def test_unstaking_under_a_limit(chain: LedgerChain, netuid: int) -> None:
    alpha = stake(chain, netuid)
    price = chain.api("SwapRuntimeApi.current_alpha_price", netuid=netuid)
    arguments = {"hotkey": V1, "netuid": netuid, "amount_unstaked": alpha, "limit_price": price * 95 // 100}
    assert chain.refusal(BOB, "remove_stake_limit", **arguments, allow_partial=False) == "SlippageTooHigh"
    full = {"hotkey": V1, "netuid": netuid, "limit_price": price * 95 // 100}
    assert chain.refusal(BOB, "remove_stake_full_limit", **full) == "SlippageTooHigh"
    chain.call(BOB, "remove_stake_limit", **arguments, allow_partial=True)
    assert 0 < ledger.alpha_of(chain.state, V1, BOB, netuid) < alpha
    chain.call(BOB, "remove_stake_full_limit", hotkey=V1, netuid=netuid, limit_price=None)
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) == 0


def test_unstake_all_leaves_nothing_anywhere(chain: LedgerChain, netuid: int) -> None:
    stake(chain, netuid)
    stake(chain, 0)
    assert len(chain.call(BOB, "unstake_all", hotkey=V1)) == 2
    assert list(ledger.positions(chain.state, BOB)) == []
    assert chain.discrepancies() == {}


def test_unstake_all_alpha_stakes_on_root(chain: LedgerChain, netuid: int) -> None:
    assert chain.refusal(BOB, "unstake_all_alpha", hotkey=V1) == "AmountTooLow"
    stake(chain, netuid)
    chain.call(BOB, "unstake_all_alpha", hotkey=V1)
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) == 0
    assert 99 * RAO < ledger.alpha_of(chain.state, V1, BOB, 0) < 100 * RAO
    assert chain.discrepancies() == {}


def move(netuid: int, alpha: int, *, to: str = V2, target: int | None = None) -> dict[str, Any]:
    return {
        "origin_hotkey": V1,
        "destination_hotkey": to,
        "origin_netuid": netuid,
        "destination_netuid": netuid if target is None else target,
        "alpha_amount": alpha,
    }


def test_moving_within_a_subnet_touches_no_pool(chain: LedgerChain, netuid: int) -> None:
    alpha, pool = stake(chain, netuid), ledger.pool_of(chain.state, netuid)
    events = chain.call(BOB, "move_stake", **move(netuid, 10 * RAO))
    assert events == ["SubtensorModule.StakeRemoved", "SubtensorModule.StakeAdded", "SubtensorModule.StakeMoved"]
    assert ledger.pool_of(chain.state, netuid) == ledger.pool_of(chain.state, netuid).__class__(pool.tao, pool.alpha)
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) == alpha - 10 * RAO
    assert ledger.alpha_of(chain.state, V2, BOB, netuid) == 10 * RAO
    assert chain.discrepancies() == {}


def test_swapping_between_subnets_pays_one_fee(chain: LedgerChain, netuid: int) -> None:
    other = chain.subnet(hotkey="second")
    alpha = stake(chain, netuid)
    sale = ledger.market(chain.state, netuid).sell(alpha)
    bought = ledger.market(chain.state, other, fee=False).buy(sale.received).received
    arguments = {"hotkey": V1, "origin_netuid": netuid, "destination_netuid": other, "alpha_amount": EVERYTHING}
    events = chain.call(BOB, "swap_stake", **arguments)
    assert events[-1] == "SubtensorModule.StakeSwapped"
    assert ledger.alpha_of(chain.state, V1, BOB, other) == bought
    assert chain.discrepancies() == {}


def test_a_swap_under_a_ratio_limit(chain: LedgerChain, netuid: int) -> None:
    other = chain.subnet(hotkey="second")
    alpha = stake(chain, netuid)
    ratio = ledger.alpha_price(chain.state, netuid) * RAO // ledger.alpha_price(chain.state, other)
    arguments = {
        "hotkey": V1,
        "origin_netuid": netuid,
        "destination_netuid": other,
        "alpha_amount": alpha,
        "limit_price": ratio * 95 // 100,
    }
    assert chain.refusal(BOB, "swap_stake_limit", **arguments, allow_partial=False) == "SlippageTooHigh"
    chain.call(BOB, "swap_stake_limit", **arguments, allow_partial=True)
    after = ledger.alpha_price(chain.state, netuid) * RAO // ledger.alpha_price(chain.state, other)
    assert after == pytest.approx(ratio * 95 // 100, rel=1e-3)
    beyond = arguments | {"limit_price": 2 * ratio, "alpha_amount": EVERYTHING}
    assert chain.refusal(BOB, "swap_stake_limit", **beyond, allow_partial=True) == "SlippageTooHigh"
    low = move(netuid, RAO, target=other) | {"limit_price": 1}
    chain.call(BOB, "move_stake_limit", **low, allow_partial=False)
    assert chain.discrepancies() == {}


def test_transferring_stake_to_another_coldkey(chain: LedgerChain, netuid: int) -> None:
    stake(chain, netuid)
    arguments = {
        "destination_coldkey": CHARLIE,
        "hotkey": V1,
        "origin_netuid": netuid,
        "destination_netuid": netuid,
        "alpha_amount": 5 * RAO,
    }
    assert chain.call(BOB, "transfer_stake", **arguments)[-1] == "SubtensorModule.StakeTransferred"
    assert ledger.alpha_of(chain.state, V1, CHARLIE, netuid) == 5 * RAO
    chain.call(BOB, "transfer_stake", **(arguments | {"destination_netuid": 0}))
    assert ledger.alpha_of(chain.state, V1, CHARLIE, 0) > 4 * RAO
    events = chain.call(
        BOB,
        "transfer_stake_and_hotkey",
        destination_coldkey=CHARLIE,
        origin_hotkey=V1,
        destination_hotkey=V2,
        origin_netuid=netuid,
        destination_netuid=netuid,
        alpha_amount=RAO,
    )
    assert events[-1] == "SubtensorModule.StakeAndHotkeyTransferred"
    chain.put("TransferToggle", netuid, value=False)
    assert chain.refusal(BOB, "transfer_stake", **arguments) == "TransferDisallowed"
    assert chain.discrepancies() == {}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"destination_hotkey": V1}, "SameNetuid"),
        ({"destination_netuid": 77}, "SubnetNotExists"),
        ({"destination_hotkey": address("nobody")}, "HotKeyAccountNotExists"),
        ({"origin_hotkey": address("nobody")}, "HotKeyAccountNotExists"),
        ({"alpha_amount": 10**6 * RAO}, "NotEnoughStakeToWithdraw"),
        ({"alpha_amount": 1_000}, "AmountTooLow"),
        ({"alpha_amount": 0}, "AmountTooLow"),
        ({"destination_netuid": 1}, "SubtokenDisabled"),
    ],
)
def test_move_stake_refuses(chain: LedgerChain, netuid: int, change: dict[str, Any], error: str) -> None:
    stake(chain, netuid)
    assert chain.refusal(BOB, "move_stake", **(move(netuid, RAO) | change)) == error
    assert chain.discrepancies() == {}


def test_burned_alpha_stays_issued_and_recycled_alpha_does_not(chain: LedgerChain, netuid: int) -> None:
    stake(chain, netuid)
    issued = ledger.alpha_issuance(chain.state, netuid)
    assert chain.call(BOB, "burn_alpha", hotkey=V1, amount=RAO, netuid=netuid) == ["SubtensorModule.AlphaBurned"]
    assert ledger.alpha_issuance(chain.state, netuid) == issued
    assert chain.call(BOB, "recycle_alpha", hotkey=V1, amount=RAO, netuid=netuid) == ["SubtensorModule.AlphaRecycled"]
    assert ledger.alpha_issuance(chain.state, netuid) == issued - RAO
    assert chain.discrepancies() == {}


def test_destroying_refuses_root_strangers_and_nothing(chain: LedgerChain, netuid: int) -> None:
    def refusal(who: str, where: int) -> str:
        return chain.refusal(who, "burn_alpha", hotkey=V1, amount=RAO, netuid=where)

    assert refusal(BOB, 0) == "CannotBurnOrRecycleOnRootSubnet"
    assert refusal(CHARLIE, netuid) == "NonAssociatedColdKey"
    assert refusal(BOB, netuid) == "NotEnoughStakeToWithdraw"


def test_a_buyback_buys_and_burns(chain: LedgerChain, netuid: int) -> None:
    burned = chain.state.get("AlphaAssets", "AlphaBurned", netuid)
    arguments = {"hotkey": V1, "netuid": netuid, "amount": 10 * RAO}
    events = chain.call(BOB, "add_stake_burn", **arguments, limit=None)
    assert events == ["SubtensorModule.StakeAdded", "SubtensorModule.AlphaBurned", "SubtensorModule.AddStakeBurn"]
    assert ledger.alpha_of(chain.state, V1, BOB, netuid) == 0
    assert chain.state.get("AlphaAssets", "AlphaBurned", netuid) > burned
    assert chain.refusal(BOB, "add_stake_burn", **arguments, limit=1) == "SlippageTooHigh"
    assert chain.refusal(BOB, "add_stake_burn", **(arguments | {"netuid": 0}), limit=None) == (
        "CannotBurnOrRecycleOnRootSubnet"
    )
    assert chain.discrepancies() == {}


def test_incentive_can_be_sent_to_another_hotkey(chain: LedgerChain, netuid: int) -> None:
    assert chain.call(BOB, "set_coldkey_auto_stake_hotkey", netuid=netuid, hotkey=V1) == [
        "SubtensorModule.AutoStakeDestinationSet"
    ]
    assert chain.refusal(BOB, "set_coldkey_auto_stake_hotkey", netuid=netuid, hotkey=V1) == (
        "SameAutoStakeHotkeyAlreadySet"
    )
    chain.call(BOB, "set_coldkey_auto_stake_hotkey", netuid=netuid, hotkey=V2)
    assert chain.get("AutoStakeDestinationColdkeys", V1, netuid) == []
    assert chain.get("AutoStakeDestinationColdkeys", V2, netuid) == [BOB]
    assert chain.refusal(BOB, "set_coldkey_auto_stake_hotkey", netuid=netuid, hotkey=address("nobody")) == (
        "HotKeyNotRegisteredInSubNet"
    )


def test_root_cannot_stake(chain: LedgerChain, netuid: int) -> None:
    assert chain.refusal(None, "add_stake", hotkey=V1, netuid=netuid, amount_staked=RAO) == "BadOrigin"
