"""Sending extrinsics so that none is ever sent twice.

An extrinsic is signed for a short life (``LIFE_BLOCKS``) and its hash is known
before it leaves. Whatever happens to the connection then, its fate can be found:
it is in a block, or its nonce went to another extrinsic, or its life is over.
Only when none of these can be told before the deadline the caller gets
``FateUnknownError``, with the hash and the last block that could hold it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bittensor._transport.errors import ExtrinsicNotFound
from bittensor.result import chain_error_from_substrate_request

from taostack.chain.connection import Connection
from taostack.chain.errors import ChainRefusedError, ChainUnavailableError, FateUnknownError, NotIncludedError
from taostack.chain.records import Receipt
from taostack.chain.sdk import ANSWERS, is_transport_failure, refusal, rpc_error_code, substrate_of
from taostack.chain.wallet import Signer
from taostack.process.logs import get_logger

_log = get_logger(__name__)

LIFE_BLOCKS = 64
"""Blocks for which a signed extrinsic stays valid, counted from the finalized head."""

SEARCH_PAUSE_SECONDS = 0.2
"""Pause between two looks at the chain for an extrinsic whose fate is open."""

ALREADY_IMPORTED = 1013
"""Pool error: this very extrinsic is in the pool already."""

_RETRY_ONCE = ("Stale", "Future")
"""A nonce that another extrinsic took between asking and sending."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed extrinsic, before it is sent: enough to find out what became of it."""

    what: str
    extrinsic_hash: str
    signer: str
    nonce: int
    born_at: int
    last_valid_block: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    signed: Signed
    extrinsic: Any


class Submitter:
    """Signs and sends calls over a ``Connection``, one at a time for each account."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Each guards one account's nonce between asking the node for it and the extrinsic's inclusion.
        self._accounts: dict[str, asyncio.Lock] = {}

    def account_lock(self, address: str) -> asyncio.Lock:
        """The lock under which ``address`` sends."""
        return self._accounts.setdefault(address, asyncio.Lock())

    async def submit(
        self,
        what: str,
        call: Any,
        signer: Signer,
        *,
        deadline_seconds: float | None = None,
        before_sending: Callable[[Signed], Awaitable[None]] | None = None,
    ) -> Receipt:
        """Sign ``call``, send it, and return once a block holds it.

        ``call`` is a call of ``bittensor.calls``, or an async function that composes one
        with the SDK's client (for calls within calls).
        ``before_sending`` is awaited with the hash in hand, so that a caller can write
        it down first. Raises ChainRefusedError (or a subclass) for the chain's or
        pool's no, NotIncludedError when it expired unused, FateUnknownError when that
        cannot be told in time, ChainUnavailableError when nothing was sent.
        """
        limit = self._connection.deadline_seconds if deadline_seconds is None else deadline_seconds
        async with self.account_lock(signer.ss58_address):
            for attempt in range(2):
                try:
                    return await self._submit_once(what, call, signer, limit, before_sending)
                except ChainRefusedError as error:
                    if attempt or error.name not in _RETRY_ONCE or error.block is not None:
                        raise
                    _log.info("chain.nonce_taken", what=what, reason=error.name)
        raise AssertionError("unreachable")

    async def _submit_once(
        self,
        what: str,
        call: Any,
        signer: Signer,
        limit: float,
        before_sending: Callable[[Signed], Awaitable[None]] | None,
    ) -> Receipt:
        prepared = await self._connection.read(
            f"{what}: sign", lambda client: _prepare(client, what, call, signer), deadline_seconds=limit
        )
        signed = prepared.signed
        if before_sending is not None:
            await before_sending(signed)
        link = await self._connection.any_link(what, limit)
        try:
            async with asyncio.timeout(limit):
                report = await link.substrate.raw.submit_extrinsic(prepared.extrinsic, wait_for_inclusion=True)
                return _receipt(what, signed.extrinsic_hash, link.substrate, report)
        except ANSWERS as error:
            if not is_transport_failure(error) and rpc_error_code(error) not in (None, ALREADY_IMPORTED):
                raise refusal(what, chain_error_from_substrate_request(error)) from error
            _log.warning("chain.submission_interrupted", what=what, hash=signed.extrinsic_hash, reason=str(error))
            if is_transport_failure(error) and not _is_watch_status(error):
                await self._connection.condemn(link, f"{what}: {error}")
        return await self.resolve(signed, deadline_seconds=limit)

    async def resolve(self, signed: Signed, *, deadline_seconds: float | None = None) -> Receipt:
        """Find out what became of an extrinsic that was (perhaps) sent.

        Raises as ``submit`` does; safe to call again, also after a restart.
        """
        limit = self._connection.deadline_seconds if deadline_seconds is None else deadline_seconds
        searched = signed.born_at
        try:
            async with asyncio.timeout(limit):
                while True:
                    searched, receipt = await self._search(signed, searched)
                    if receipt is not None:
                        return receipt
                    await self._connection.clock.sleep(SEARCH_PAUSE_SECONDS)
        except (TimeoutError, ChainUnavailableError) as error:
            raise FateUnknownError(
                f"{signed.what}: extrinsic {signed.extrinsic_hash} was sent and is not in blocks "
                f"{signed.born_at + 1} to {searched}; it stays valid until block {signed.last_valid_block}",
                extrinsic_hash=signed.extrinsic_hash,
                last_valid_block=signed.last_valid_block,
            ) from error

    async def _search(self, signed: Signed, searched: int) -> tuple[int, Receipt | None]:
        """Look through the blocks after ``searched``; the nonce is read first, so that it cannot run ahead."""

        async def at_head(client: Any) -> tuple[int, int]:
            head = await client.block()
            account = await client.query(("System", "Account"), [signed.signer], block=head)
            return head, int(account["nonce"])

        head, nonce = await self._connection.read(f"{signed.what}: nonce", at_head)
        for number in range(searched + 1, min(head, signed.last_valid_block) + 1):
            find = partial(_find, signed=signed, number=number)
            receipt = await self._connection.read(f"{signed.what}: search block {number}", find)
            if receipt is not None:
                return number, receipt
        if nonce > signed.nonce:
            raise NotIncludedError(f"{signed.what}: nonce {signed.nonce} went to another extrinsic")
        if head >= signed.last_valid_block:
            raise NotIncludedError(f"{signed.what}: not included by block {signed.last_valid_block}, where it expired")
        return max(searched, min(head, signed.last_valid_block)), None


async def _prepare(client: Any, what: str, call: Any, signer: Signer) -> _Prepared:
    substrate = substrate_of(client)
    composed = await call(client) if callable(call) else await client.compose(call)
    nonce = await substrate.account_next_index(signer.ss58_address)
    born_at = await substrate.finalized_block_number()
    extrinsic = await substrate.raw.sign_without_nonce_tracking(
        composed, signer, nonce=nonce, era={"period": LIFE_BLOCKS, "current": born_at}
    )
    signed = Signed(what, extrinsic.extrinsic_hash, signer.ss58_address, nonce, born_at, born_at + LIFE_BLOCKS - 1)
    return _Prepared(signed, extrinsic)


async def _find(client: Any, signed: Signed, number: int) -> Receipt | None:
    substrate = substrate_of(client)
    try:
        block_hash = await substrate.block_hash(number)
        report = await substrate.raw.resolve_extrinsic(signed.extrinsic_hash, block_hash)
    except ExtrinsicNotFound:
        return None
    return _receipt(signed.what, signed.extrinsic_hash, substrate, report)


def _receipt(what: str, extrinsic_hash: str, substrate: Any, report: Any) -> Receipt:
    """The receipt of an included extrinsic; raises the refusal when its dispatch failed."""
    result = substrate._result_from_report(report, True)
    if not result.success:
        raise refusal(what, result.error, block=report.block_number)
    return Receipt(
        what=what,
        block=int(report.block_number),
        block_hash=str(report.block_hash),
        extrinsic_hash=extrinsic_hash,
        fee_rao=int(report.total_fee_amount or 0),
        events=tuple(report.triggered_events),
    )


def _is_watch_status(error: BaseException) -> bool:
    return str(error).startswith("Extrinsic ") and getattr(error, "payload", None) is None
