"""A chain in memory, without a server: calls by name, blocks by hand, the books added up."""

from typing import Any

from taostack.devnet.author import Chain
from taostack.devnet.codec import keypair, ss58_encode
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.metadata import compact
from taostack.devnet.pallets.dispatch import Context, DispatchFailed, Events, Origin
from taostack.devnet.profile import load_profile

SUBTENSOR = "SubtensorModule"
RAO = 10**9
ALICE, BOB, CHARLIE, DAVE = (DEV_ACCOUNTS[uri] for uri in ("//Alice", "//Bob", "//Charlie", "//Dave"))


def address(name: str) -> str:
    """The address of a key made from a name."""
    return ss58_encode(bytes(keypair(f"//{name}").public_key))


class LedgerChain:
    """A ``Chain`` and what tests of the economics need of it."""

    def __init__(self, block_time_ms: int = 250) -> None:
        self.chain = Chain(load_profile(block_time_ms))
        self.state = self.chain.state
        self._now_ms = 1

    def mine(self, blocks: int = 1) -> None:
        """Seal empty blocks."""
        for _ in range(blocks):
            self._now_ms += 250
            self.chain.seal(self._now_ms)

    def call(self, who: str | None, name: str, **arguments: Any) -> list[str]:
        """Make a SubtensorModule call between two blocks (root for None); the names of its events."""
        codec = self.chain.profile.codec
        data = codec.compose_call(SUBTENSOR, name, arguments)
        events = Events(self.chain.profile)

        def change(ctx: Context) -> None:
            origin = ctx.origin if who is None else Origin.signed_by(who)
            # the next block's number, as in a block being built
            inner = Context(ctx.state, ctx.block + 1, ctx.now_ms, origin, events, ctx.profile)
            inner.dispatch(codec.decode_call(data), origin, data)

        self.chain.patch(change)
        return self._event_names(events.records)

    def _event_names(self, records: list[bytes]) -> list[str]:
        codec = self.chain.profile.codec
        kind = codec.item("System", "Events").value_type
        decoded = codec.decode(kind, compact(len(records)) + b"".join(records))
        return [f"{each['event']['module_id']}.{each['event']['event_id']}" for each in decoded]

    def refusal(self, who: str | None, name: str, **arguments: Any) -> str:
        """The name of the error with which a call fails."""
        try:
            self.call(who, name, **arguments)
        except DispatchFailed as failure:
            return failure.name.removeprefix(f"{SUBTENSOR}.")
        raise AssertionError(f"{name} did not fail")

    def get(self, item: str, *keys: Any) -> Any:
        """A SubtensorModule value."""
        return self.state.get(SUBTENSOR, item, *keys)

    def put(self, item: str, *keys: Any, value: Any) -> None:
        """Set a SubtensorModule value between two blocks."""
        self.chain.patch(lambda ctx: ctx.state.put(SUBTENSOR, item, *keys, value=value))

    def api(self, name: str, **parameters: Any) -> Any:
        """Ask a runtime API as a client does, through SCALE."""
        codec = self.chain.profile.codec
        shape = codec.api(name)
        assert shape is not None
        data = b"".join(codec.encode(kind, parameters[parameter]) for parameter, kind in shape.inputs)
        return codec.decode(shape.output, self.chain.call_api(name, data, None))

    def subnet(self, owner: str = ALICE, hotkey: str = "owner", *, tempo: int = 10, started: bool = True) -> int:
        """A new, started subnet whose pool side is on."""
        before = {key[0] for key, _ in self.state.items(SUBTENSOR, "NetworksAdded")}
        self.call(owner, "register_network", hotkey=address(hotkey))
        after = {key[0] for key, _ in self.state.items(SUBTENSOR, "NetworksAdded")}
        (netuid,) = after - before
        self.put("Tempo", netuid, value=tempo)
        self.put("SubnetEmissionEnabled", netuid, value=True)
        if started:
            self.call(owner, "start_call", netuid=netuid)
        return int(netuid)

    def discrepancies(self) -> dict[str, int]:
        """Where the books do not add up; empty when all do."""
        state = self.state
        accounts = sum(
            account["data"]["free"] + account["data"]["reserved"] for _, account in state.items("System", "Account")
        )
        pools = sum(tao for _, tao in state.items(SUBTENSOR, "SubnetTAO"))
        staked: dict[int, int] = {}
        for (_, netuid), alpha in state.items(SUBTENSOR, "TotalHotkeyAlpha"):
            staked[netuid] = staked.get(netuid, 0) + alpha
        found = {
            "TotalStake": self.get("TotalStake") - pools,
            "Balances.TotalIssuance": state.get("Balances", "TotalIssuance") - accounts - pools,
        }
        pending = ("PendingServerEmission", "PendingValidatorEmission", "PendingRootAlphaDivs", "PendingOwnerCut")
        for (netuid,), _ in state.items(SUBTENSOR, "NetworksAdded"):
            found[f"TotalAlphaStaked {netuid}"] = self.get("TotalAlphaStaked", netuid) - staked.get(netuid, 0)
            waiting = sum(self.get(item, netuid) for item in pending)
            burned = state.get("AlphaAssets", "AlphaBurned", netuid)
            out = self.get("SubnetAlphaOut", netuid)
            found[f"SubnetAlphaOut {netuid}"] = out - staked.get(netuid, 0) - waiting - burned
        return {name: gap for name, gap in found.items() if gap}
