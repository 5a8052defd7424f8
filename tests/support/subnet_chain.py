"""A chain in memory for tests of subnets: any pallet's calls, pool guards, neurons by name."""

from typing import Any

import bittensor_core

from taostack.devnet.metadata import compact
from taostack.devnet.pallets.dispatch import GUARDS, Context, DispatchFailed, Events, Origin, PoolRejection
from tests.support.ledger_chain import ALICE, RAO, SUBTENSOR, LedgerChain, address

ROOT = None
"""Who: root instead of a signer."""


class SubnetChain(LedgerChain):
    """A ``LedgerChain`` that speaks to every pallet."""

    @property
    def block(self) -> int:
        return self.chain.number

    def run(self, who: str | None, name: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Make ``Pallet.call`` between two blocks; its events, decoded."""
        codec = self.chain.profile.codec
        pallet, _, function = name.partition(".")
        data = codec.compose_call(pallet, function, arguments)
        events = Events(self.chain.profile)

        def change(ctx: Context) -> None:
            origin = ctx.origin if who is None else Origin.signed_by(who)
            inner = Context(ctx.state, ctx.block + 1, ctx.now_ms, origin, events, ctx.profile)
            inner.dispatch(codec.decode_call(data), origin, data)

        self.chain.patch(change)
        kind = codec.item("System", "Events").value_type
        decoded = codec.decode(kind, compact(len(events.records)) + b"".join(events.records))
        return [each["event"] for each in decoded]

    def event_ids(self, who: str | None, name: str, /, **arguments: Any) -> list[str]:
        """The names of a call's events."""
        return [each["event_id"] for each in self.run(who, name, **arguments)]

    def refused(self, who: str | None, name: str, /, **arguments: Any) -> str:
        """The name of the error with which ``Pallet.call`` fails, without the pallet."""
        try:
            self.run(who, name, **arguments)
        except DispatchFailed as failure:
            return failure.name.rpartition(".")[2]
        raise AssertionError(f"{name} did not fail")

    def pool_code(self, who: str, name: str, /, **arguments: Any) -> int | None:
        """The N of ``Custom error: N`` with which the pool refuses a call, or None."""
        codec = self.chain.profile.codec
        pallet, _, function = name.partition(".")
        data = codec.compose_call(pallet, function, arguments)
        decoded = codec.call_arguments(codec.decode_call(data), data)

        def ask(ctx: Context) -> int | None:
            origin = Origin.signed_by(who)
            inner = Context(ctx.state, ctx.block + 1, ctx.now_ms, origin, Events(ctx.profile), ctx.profile)
            try:
                for each in GUARDS[name]:
                    each(inner, **decoded)
            except PoolRejection as rejection:
                return int(rejection.data.removeprefix("Custom error: "))
            return None

        return self.chain.patch(ask)[0]

    def develop(self, method: str, *params: Any) -> Any:
        """Run a ``dev_*`` method."""
        from taostack.devnet.pallets.dispatch import DEV_METHODS

        return self.chain.patch(lambda ctx: DEV_METHODS[method](ctx, *params))[0]

    def set_in(self, pallet: str, item: str, *keys: Any, value: Any) -> None:
        """Set any storage entry between two blocks."""
        self.chain.patch(lambda ctx: ctx.state.put(pallet, item, *keys, value=value))

    def fund(self, account: str, tao: int = 10_000) -> str:
        """Give an account TAO; returns its address."""
        from taostack.devnet.pallets.balances import set_free

        self.chain.patch(lambda ctx: set_free(ctx.state, account, tao * RAO))
        return account

    def join(self, netuid: int, *hotkeys: str, coldkey: str = ALICE) -> list[str]:
        """Register hotkeys by name; their addresses."""
        joined = [address(each) for each in hotkeys]
        for hotkey in joined:
            self.run(coldkey, f"{SUBTENSOR}.burned_register", netuid=netuid, hotkey=hotkey)
        return joined

    def uid(self, netuid: int, hotkey: str) -> int | None:
        return self.get("Uids", netuid, hotkey)  # type: ignore[no-any-return]

    def permit(self, netuid: int, uid: int) -> None:
        """Give a uid a validator permit."""
        permits = list(self.get("ValidatorPermit", netuid))
        permits += [False] * (uid + 1 - len(permits))
        permits[uid] = True
        self.put("ValidatorPermit", netuid, value=permits)


def seal_for_shield(public: bytes, plain: bytes) -> bytes:
    """What a client sends through the MEV shield, made by the client's own codec."""
    return bytes(bittensor_core.encrypt_mlkem768(public, plain, True))
