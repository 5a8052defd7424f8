"""The stream of new blocks, which survives every way a node can fail.

The SDK's own stream ends with an error on a reconnect, and never ends when a node
answers pings but sends no blocks. Here each block has a deadline; past it the
endpoint is given up and the subscription starts anew on the next one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from taostack.chain.connection import Connection
from taostack.chain.errors import ChainSilentError, ChainUnavailableError
from taostack.chain.records import Head
from taostack.chain.sdk import ANSWERS, Link
from taostack.process.logs import get_logger

_log = get_logger(__name__)


async def heads(
    connection: Connection, *, silence_seconds: float, patience_seconds: float | None = None
) -> AsyncIterator[Head]:
    """Yield each new block, in the order in which nodes announce them.

    ``silence_seconds`` is how long one endpoint may stay without a new block; when
    it passes, or the connection drops, the stream goes on at the next endpoint. When
    no block came from anywhere for ``patience_seconds`` (default: four silences for
    each endpoint), ChainSilentError or ChainUnavailableError ends it.

    Blocks that passed during a reconnect are not repeated: numbers may jump. They go
    back only when the same node says so, after a reorganisation or a development
    chain's revert; a node that lags behind the one before it is waited for.
    """
    patience = patience_seconds if patience_seconds is not None else 4 * silence_seconds * len(connection.endpoints)
    clock = connection.clock
    last_at = clock.monotonic()
    last: Head | None = None
    last_from = ""
    silent: set[str] = set()
    while True:
        waited = clock.monotonic() - last_at
        if waited > patience:
            raise _give_up(connection, waited, silent)
        link: Link | None = None
        try:
            async with asyncio.timeout(max(silence_seconds, connection.attempt_seconds)):
                link = await connection.link()
        except ANSWERS as error:
            _log.debug("chain.dial_failed", endpoint=connection.endpoint, reason=str(error) or type(error).__name__)
            await clock.sleep(min(0.05, silence_seconds))
            continue
        stream = link.client.blocks()
        reason = "the subscription ended"
        quiet_since = clock.monotonic()
        try:
            while True:
                left = quiet_since + silence_seconds - clock.monotonic()
                head = await _next_head(link, stream, max(0.0, left))
                if head == last or (last is not None and link.endpoint != last_from and head.number <= last.number):
                    continue  # a subscription begins with the present head; another node may lag behind
                connection.answered()
                last, last_from = head, link.endpoint
                silent.clear()
                yield head
                quiet_since = last_at = clock.monotonic()
        except StopAsyncIteration:
            pass
        except TimeoutError:
            silent.add(link.endpoint)
            reason = f"no new block for {silence_seconds:g} s"
        except ANSWERS as error:
            reason = f"head stream: {type(error).__name__}: {error}"
        finally:
            await _end(stream)
        await connection.condemn(link, reason)


async def _next_head(link: Link, stream: Any, silence_seconds: float) -> Head:
    async with asyncio.timeout(silence_seconds):
        header = await anext(stream)
        return Head(header.number, await link.substrate.block_hash(header.number))


async def _end(stream: Any) -> None:
    """Close the SDK's generator; its farewell to a dead node must not take long."""
    with contextlib.suppress(*ANSWERS):
        async with asyncio.timeout(1.0):
            await stream.aclose()


def _give_up(connection: Connection, waited: float, silent: set[str]) -> ChainUnavailableError:
    tried = ", ".join(connection.endpoints)
    if silent:
        return ChainSilentError(f"no new block for {waited:.1f} s from {tried}")
    return ChainUnavailableError(f"no endpoint could be reached for {waited:.1f} s: {tried}")
