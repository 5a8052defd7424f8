"""``Chain``: the one typed way to the chain.

    async with Chain.connect(["wss://..."]) as chain:
        metagraph = await chain.metagraph(7)
        async for head in chain.heads(silence_seconds=60):
            ...

Every request has a deadline and fails over between endpoints; every answer is a
frozen value that names its block. Reads take ``block`` to ask about the past.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from bittensor import runtime_api, storage
from bittensor.metagraph import fetch_commitments

from taostack.chain import heads as head_stream
from taostack.chain.commitments import publish_commitment, read_commitment
from taostack.chain.connection import Connection, together
from taostack.chain.errors import SubnetUnknownError
from taostack.chain.metagraph import Metagraph
from taostack.chain.records import Commitment, Head, Hyperparameters, Receipt, Registration
from taostack.chain.schedule import EpochSchedule
from taostack.chain.sdk import endpoints_of, substrate_of
from taostack.chain.serving import AxonRecord, ServeOutcome, ServingState, publish
from taostack.chain.submission import Signed, Submitter
from taostack.chain.wallet import Signer, Wallet
from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import UsageError

T = TypeVar("T")

_MODULE = storage.SubtensorModule


class Chain:
    """An open way to one chain over one or more endpoints; make it with ``connect``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.submitter = Submitter(connection)
        self.clock = connection.clock

    @classmethod
    def connect(
        cls,
        endpoints: str | Sequence[str],
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        deadline_seconds: float = 30.0,
        attempt_seconds: float | None = None,
    ) -> Self:
        """A chain that dials when it is first used; an async context manager.

        ``endpoints`` are ws:// or wss:// URLs or network names (``finney``, ``test``,
        ``local``), in order of preference. ``deadline_seconds`` bounds each request;
        ``attempt_seconds`` (default: a third of it) what one endpoint may take.
        Raises UsageError for an unknown network name.
        """
        named = [endpoints] if isinstance(endpoints, str) else list(endpoints)
        try:
            resolved = tuple(dict.fromkeys(url for name in named for url in endpoints_of(name)))
        except KeyError as error:
            raise UsageError(
                f"unknown network {error.args[0]!r}", remedy="use finney, test, local, or a ws:// or wss:// URL"
            ) from error
        return cls(
            Connection(
                resolved,
                clock=clock or SystemClock(),
                rng=rng or random.Random(),  # noqa: S311 - spreads reconnects, keeps no secret
                deadline_seconds=deadline_seconds,
                attempt_seconds=attempt_seconds or deadline_seconds / 3,
            )
        )

    async def __aenter__(self) -> Self:
        """Connect; raises ChainUnavailableError when no endpoint answers in time."""
        try:
            await self.connection.read("connect", lambda client: client.block())
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    @property
    def endpoint(self) -> str:
        """The endpoint in use."""
        return self.connection.endpoint

    async def read(self, what: str, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Anything else: ``ask`` gets the SDK's client, under this chain's deadline and failover."""
        return await self.connection.read(what, ask)

    # Blocks -----------------------------------------------------------------------

    async def head(self) -> Head:
        """The newest block."""

        async def ask(client: Any) -> Head:
            number = await client.block()
            return Head(number, await substrate_of(client).block_hash(number))

        return await self.connection.read("head", ask)

    def heads(self, *, silence_seconds: float, patience_seconds: float | None = None) -> AsyncIterator[Head]:
        """Each new block; goes on over reconnects and silent nodes (``taostack.chain.heads``)."""
        return head_stream.heads(self.connection, silence_seconds=silence_seconds, patience_seconds=patience_seconds)

    async def block_hash(self, number: int) -> str:
        """Hash of a block; raises BlockUnknownError when the node has none of that number."""
        return await self.connection.read(f"hash of block {number}", lambda c: substrate_of(c).block_hash(number))

    async def block_seconds(self) -> float:
        """Seconds between two blocks, from the chain's own constants."""
        return float(await self.connection.read("block time", lambda client: client.block_time()))

    async def timestamp_ms(self, block: int | None = None) -> int:
        """Milliseconds since the Unix epoch that the block's author stamped."""
        return int(
            await self.connection.read("timestamp", lambda client: client.query(storage.Timestamp.Now, block=block))
        )

    # Subnets ----------------------------------------------------------------------

    async def metagraph(self, netuid: int, *, block: int | None = None) -> Metagraph:
        """The subnet at ``block`` (default: the newest). Raises SubnetUnknownError."""

        async def ask(client: Any) -> Metagraph:
            number = await client.block() if block is None else block
            record, block_hash = await together(
                client.runtime(runtime_api.SubnetInfoRuntimeApi.get_metagraph, [netuid], block=number),
                substrate_of(client).block_hash(number),
            )
            if not isinstance(record, Mapping):
                raise SubnetUnknownError(f"there is no subnet {netuid} at block {number}")
            return Metagraph.from_runtime(
                netuid, record, block=number, block_hash=block_hash, taken_at_ms=self.clock.now_ms()
            )

        return await self.connection.read(f"metagraph of subnet {netuid}", ask)

    async def hyperparameters(self, netuid: int, *, block: int | None = None) -> Hyperparameters:
        """The subnet's settings. Raises SubnetUnknownError."""

        async def ask(client: Any) -> Hyperparameters:
            snapshot = await client.at(block)
            values = await snapshot.read("subnet_hyperparameters", netuid=netuid)
            if values is None:
                raise SubnetUnknownError(f"there is no subnet {netuid} at block {snapshot.block}")
            return Hyperparameters(netuid, snapshot.block, values)

        return await self.connection.read(f"hyperparameters of subnet {netuid}", ask)

    async def epoch_schedule(self, netuid: int, *, block: int | None = None) -> EpochSchedule:
        """When the subnet's epochs ran and will run. Raises SubnetUnknownError."""

        async def ask(client: Any) -> EpochSchedule:
            at = await client.at(block)
            exists, tempo, last, index, pending, since = await together(
                at.query(_MODULE.NetworksAdded, [netuid]),
                at.query(_MODULE.Tempo, [netuid]),
                at.query(_MODULE.LastEpochBlock, [netuid]),
                at.query(_MODULE.SubnetEpochIndex, [netuid]),
                at.query(_MODULE.PendingEpochAt, [netuid]),
                at.query(_MODULE.BlocksSinceLastStep, [netuid]),
            )
            if not exists:
                raise SubnetUnknownError(f"there is no subnet {netuid} at block {at.block}")
            return EpochSchedule(
                netuid,
                at.block,
                int(tempo),
                int(last or 0),
                int(index or 0),
                int(pending or 0) or None,
                int(since or 0),
            )

        return await self.connection.read(f"epochs of subnet {netuid}", ask)

    async def owner(self, netuid: int, *, block: int | None = None) -> tuple[str, str]:
        """(coldkey, hotkey) of the subnet's owner. Raises SubnetUnknownError."""

        async def ask(client: Any) -> tuple[str, str]:
            at = await client.at(block)
            exists, coldkey, hotkey = await together(
                at.query(_MODULE.NetworksAdded, [netuid]),
                at.query(_MODULE.SubnetOwner, [netuid]),
                at.query(_MODULE.SubnetOwnerHotkey, [netuid]),
            )
            if not exists:
                raise SubnetUnknownError(f"there is no subnet {netuid} at block {at.block}")
            return str(coldkey), str(hotkey)

        return await self.connection.read(f"owner of subnet {netuid}", ask)

    async def weights(self, netuid: int, *, block: int | None = None) -> dict[int, dict[int, int]]:
        """The weight matrix as the chain holds it: validator uid → {uid: u16}."""
        rows = await self.connection.read(
            f"weights of subnet {netuid}", lambda client: client.query_map(_MODULE.Weights, [netuid], block=block)
        )
        return {int(uid): {int(target): int(weight) for target, weight in row or ()} for uid, row in rows}

    async def registration(self, netuid: int, hotkey: str, *, block: int | None = None) -> Registration | None:
        """The place that ``hotkey`` holds on the subnet, or None."""

        async def ask(client: Any) -> Registration | None:
            at = await client.at(block)
            uid = await at.query(_MODULE.Uids, [netuid, hotkey])
            if uid is None:
                return None
            registered_at = await at.query(_MODULE.BlockAtRegistration, [netuid, int(uid)])
            return Registration(netuid, hotkey, int(uid), int(registered_at or 0), at.block)

        return await self.connection.read(f"registration of {hotkey} on subnet {netuid}", ask)

    # Accounts ---------------------------------------------------------------------

    async def balance(self, address: str, *, block: int | None = None) -> int:
        """Free balance in rao; 0 for an account that does not exist."""
        account = await self.connection.read(
            f"balance of {address}", lambda client: client.query(storage.System.Account, [address], block=block)
        )
        return int(account["data"]["free"])

    # Commitments ------------------------------------------------------------------

    async def commitments(self, netuid: int, *, block: int | None = None) -> dict[str, Commitment]:
        """What each hotkey has published on the subnet, by hotkey."""

        async def ask(client: Any) -> dict[str, Commitment]:
            found = await fetch_commitments(await client.at(block), netuid)
            return {hotkey: read_commitment(record) for hotkey, record in found.items()}

        return await self.connection.read(f"commitments of subnet {netuid}", ask)

    async def commit(self, netuid: int, data: bytes | str, wallet: Wallet) -> Receipt | None:
        """Publish ``data`` under the wallet's hotkey; None when it is published already.

        At most 128 bytes. Raises as ``submit`` does.
        """
        return await publish_commitment(self, netuid, data, wallet)

    # Endpoints --------------------------------------------------------------------

    async def serving_state(self, netuid: int, hotkey: str) -> ServingState:
        """What ``hotkey`` has published, and when it may publish again."""

        async def ask(client: Any) -> ServingState:
            at = await client.at()
            record, limit, uid = await together(
                at.query(_MODULE.Axons, [netuid, hotkey]),
                at.query(_MODULE.ServingRateLimit, [netuid]),
                at.query(_MODULE.Uids, [netuid, hotkey]),
            )
            return ServingState(at.block, AxonRecord.read(record), int(limit or 0), None if uid is None else int(uid))

        return await self.connection.read(f"endpoint of {hotkey} on subnet {netuid}", ask)

    async def serve(
        self,
        netuid: int,
        *,
        ip: str,
        port: int,
        wallet: Wallet,
        protocol: int | None = None,
        version: int | None = None,
    ) -> ServeOutcome:
        """Publish an endpoint, unless the chain has it already or forbids it for now.

        See ``taostack.chain.serving`` for the outcome and the defaults.
        """
        return await publish(self, netuid, ip=ip, port=port, wallet=wallet, protocol=protocol, version=version)

    # Extrinsics -------------------------------------------------------------------

    async def submit(
        self,
        what: str,
        call: Any,
        signer: Signer,
        *,
        deadline_seconds: float | None = None,
        before_sending: Callable[[Signed], Awaitable[None]] | None = None,
    ) -> Receipt:
        """Sign and send a call of ``bittensor.calls``; see ``taostack.chain.submission``."""
        return await self.submitter.submit(
            what, call, signer, deadline_seconds=deadline_seconds, before_sending=before_sending
        )
