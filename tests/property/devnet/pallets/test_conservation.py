"""Whatever happens on the chain, no TAO and no alpha appears or vanishes that the books do not know of."""

import contextlib
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taostack.devnet.pallets.dispatch import DispatchFailed
from tests.support.ledger_chain import ALICE, BOB, CHARLIE, DAVE, RAO, LedgerChain, address

COLDKEYS = st.sampled_from([BOB, CHARLIE, DAVE])
HOTKEYS = st.sampled_from([address(name) for name in ("v1", "v2", "m1", "m2", "unknown")])
NETUIDS = st.sampled_from([0, 1, 2, 3])
AMOUNTS = st.one_of(st.integers(0, 5 * 10**6), st.integers(RAO, 2_000 * RAO), st.just(2**64 - 1))


class History(RuleBasedStateMachine):
    """Random users of two subnets and root."""

    @initialize()
    def start(self) -> None:
        self.chain = LedgerChain()
        for hotkey in ("owner", "second"):
            netuid = self.chain.subnet(hotkey=hotkey, tempo=7)
            self.chain.put("WeightsSetRateLimit", netuid, value=0)
        for who, hotkey in ((BOB, "v1"), (CHARLIE, "v2"), (DAVE, "m1"), (DAVE, "m2")):
            for netuid in (2, 3):
                self.chain.call(who, "burned_register", netuid=netuid, hotkey=address(hotkey))
        self.chain.mine(2)  # emission begins with the block after the start

    def attempt(self, who: str, name: str, **arguments: Any) -> None:
        """A call that may be refused; then nothing at all has changed."""
        issued = self.chain.get("TotalIssuance")
        with contextlib.suppress(DispatchFailed):
            self.chain.call(who, name, **arguments)
        assert self.chain.get("TotalIssuance") <= issued  # calls never create TAO

    @rule(who=COLDKEYS, hotkey=HOTKEYS, netuid=NETUIDS, amount=AMOUNTS)
    def add(self, who: str, hotkey: str, netuid: int, amount: int) -> None:
        self.attempt(who, "add_stake", hotkey=hotkey, netuid=netuid, amount_staked=amount)

    @rule(who=COLDKEYS, hotkey=HOTKEYS, netuid=NETUIDS, amount=AMOUNTS)
    def remove(self, who: str, hotkey: str, netuid: int, amount: int) -> None:
        self.attempt(who, "remove_stake", hotkey=hotkey, netuid=netuid, amount_unstaked=amount)

    @rule(who=COLDKEYS, source=HOTKEYS, to=HOTKEYS, origin=NETUIDS, destination=NETUIDS, amount=AMOUNTS)
    def move(self, who: str, source: str, to: str, origin: int, destination: int, amount: int) -> None:
        self.attempt(
            who,
            "move_stake",
            origin_hotkey=source,
            destination_hotkey=to,
            origin_netuid=origin,
            destination_netuid=destination,
            alpha_amount=amount,
        )

    @rule(who=COLDKEYS, to=COLDKEYS, hotkey=HOTKEYS, origin=NETUIDS, destination=NETUIDS, amount=AMOUNTS)
    def transfer(self, who: str, to: str, hotkey: str, origin: int, destination: int, amount: int) -> None:
        self.attempt(
            who,
            "transfer_stake",
            destination_coldkey=to,
            hotkey=hotkey,
            origin_netuid=origin,
            destination_netuid=destination,
            alpha_amount=amount,
        )

    @rule(who=COLDKEYS, hotkey=HOTKEYS, name=st.sampled_from(["unstake_all", "unstake_all_alpha"]))
    def leave(self, who: str, hotkey: str, name: str) -> None:
        self.attempt(who, name, hotkey=hotkey)

    @rule(
        who=COLDKEYS,
        hotkey=HOTKEYS,
        netuid=NETUIDS,
        amount=AMOUNTS,
        name=st.sampled_from(["burn_alpha", "recycle_alpha"]),
    )
    def destroy(self, who: str, hotkey: str, netuid: int, amount: int, name: str) -> None:
        self.attempt(who, name, hotkey=hotkey, amount=amount, netuid=netuid)

    @rule(
        validator=HOTKEYS,
        netuid=st.sampled_from([2, 3]),
        weights=st.lists(st.integers(0, 65_535), min_size=5, max_size=5),
    )
    def weigh(self, validator: str, netuid: int, weights: list[int]) -> None:
        self.attempt(validator, "set_weights", netuid=netuid, dests=list(range(5)), weights=weights, version_key=0)

    @rule(netuid=st.sampled_from([2, 3]), enabled=st.booleans())
    def switch_pool_side(self, netuid: int, enabled: bool) -> None:
        self.chain.put("SubnetEmissionEnabled", netuid, value=enabled)

    @rule(high=st.booleans())
    def let_root_sell(self, high: bool) -> None:
        self.chain.put("SubnetMovingPrice", 2, value={"bits": (3 if high else 0) << 32})

    @rule(choice=st.sampled_from(["Burn", "Recycle"]))
    def choose_what_happens_to_the_owners_incentive(self, choice: str) -> None:
        self.chain.put("RecycleOrBurn", 2, value=choice)

    @rule(name=st.text("abc", min_size=3, max_size=4))
    def register(self, name: str) -> None:
        self.attempt(ALICE, "burned_register", netuid=2, hotkey=address(f"new-{name}"))

    @rule(blocks=st.integers(1, 9))
    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            issued, emission = self.chain.get("TotalIssuance"), self.chain.get("BlockEmission")
            self.chain.mine()
            created = sum(
                self.chain.get("SubnetTaoInEmission", netuid) + self.chain.get("SubnetExcessTao", netuid)
                for netuid in (2, 3)
            )
            assert self.chain.get("TotalIssuance") - issued == created <= emission
            if all(self.chain.get("SubnetEmissionEnabled", netuid) for netuid in (2, 3)):
                assert created >= emission - 2

    @invariant()
    def the_books_add_up(self) -> None:
        assert self.chain.discrepancies() == {}


History.TestCase.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
TestHistory = History.TestCase
