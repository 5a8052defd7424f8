"""One logical connection over several endpoints, each of which may die in its own way.

A request has a deadline for the whole and a shorter one per attempt. An attempt
that fails in transport, or hangs past its share, condemns the endpoint it used:
the link is closed and the next endpoint gets the request. Only reads are repeated;
what has been sent for inclusion is ``submission``'s business.

Deadlines here run on the event loop's clock, because they bound real sockets;
``Clock`` gives stamps and the pauses between rounds of endpoints.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from taostack.chain.errors import ChainUnavailableError
from taostack.chain.sdk import ANSWERS, Link, is_transport_failure, open_link, translate
from taostack.process.clock import Clock
from taostack.process.errors import StateError, UsageError
from taostack.process.logs import get_logger
from taostack.process.tasks import backoff_seconds

T = TypeVar("T")

_log = get_logger(__name__)

PAUSE_BASE_SECONDS = 0.1
PAUSE_CAP_SECONDS = 5.0
"""Pause after a round in which no endpoint answered: full jitter, doubling to the cap."""


class Connection:
    """Keeps one link open and replaces it when it fails.

    ``endpoints`` are tried in order, starting with the last that worked.
    ``deadline_seconds`` bounds a whole request, ``attempt_seconds`` one endpoint's
    share of it (dialling included).
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        clock: Clock,
        rng: random.Random,
        deadline_seconds: float,
        attempt_seconds: float,
        dial: Callable[[str], Awaitable[Link]] = open_link,
    ) -> None:
        if not endpoints:
            raise UsageError("no chain endpoint given", remedy="give --subtensor.network or --subtensor.chain_endpoint")
        self.endpoints = tuple(endpoints)
        self.clock = clock
        self.deadline_seconds = deadline_seconds
        self.attempt_seconds = min(attempt_seconds, deadline_seconds)
        self.replacements = 0
        self._rng = rng
        self._dial = dial
        self._link: Link | None = None
        self._next = 0
        self._failures = 0
        self._dial_at = 0.0
        self._answers = 0
        self._closed = False
        # Guards ``_link`` against two tasks dialling at once.
        self._dialling = asyncio.Lock()

    @property
    def endpoint(self) -> str:
        """The endpoint in use, or the one to be tried next."""
        return self._link.endpoint if self._link is not None else self.endpoints[self._next]

    async def read(self, what: str, ask: Callable[[Any], Awaitable[T]], *, deadline_seconds: float | None = None) -> T:
        """The answer of the first endpoint that gives one to ``ask(client)``.

        ``what`` names the request in errors. Raises ChainUnavailableError when the
        deadline passes, or the error that stands for the chain's own refusal.
        """
        limit = self.deadline_seconds if deadline_seconds is None else deadline_seconds
        last: BaseException | None = None
        link: Link | None = None
        whole = asyncio.timeout(limit)
        try:
            async with whole:
                while True:
                    link = None
                    answers = self._answers
                    try:
                        async with asyncio.timeout(self.attempt_seconds):
                            link = await self.link()
                            answer = await ask(link.client)
                            self.answered()
                            return answer
                    except ANSWERS as error:
                        if link is not None and not is_transport_failure(error):
                            raise translate(error, what) from error
                        last = error
                        # A link that answered others meanwhile is slow, not dead.
                        slow = isinstance(error, TimeoutError) and self._answers > answers
                        if link is not None and not slow:
                            await self.condemn(link, f"{what}: {_reason(error)}")
                    except (KeyError, ValueError, TypeError, IndexError) as error:
                        raise translate(error, what) from error
        except TimeoutError as error:
            if not whole.expired():
                raise
            if link is not None:
                await self.condemn(link, f"{what}: no answer in time")
            raise self.unavailable(what, limit, last) from error

    async def once(self, what: str, act: Callable[[Any], Awaitable[T]], *, deadline_seconds: float) -> T:
        """The answer to something that must not be repeated blindly: ``act(client)`` runs at most once.

        Transport failures come out as the SDK raises them (see ``sdk.ANSWERS``), with
        the link given up; the chain's own refusal comes out translated.
        """
        link = await self.any_link(what, deadline_seconds)
        try:
            async with asyncio.timeout(deadline_seconds):
                return await act(link.client)
        except ANSWERS as error:
            if not is_transport_failure(error):
                raise translate(error, what) from error
            await self.condemn(link, f"{what}: {_reason(error)}")
            raise

    async def any_link(self, what: str, limit: float) -> Link:
        """An open link, dialling until an endpoint answers; raises ChainUnavailableError."""
        last: BaseException | None = None
        try:
            async with asyncio.timeout(limit):
                while True:
                    try:
                        async with asyncio.timeout(self.attempt_seconds):
                            return await self.link()
                    except ANSWERS as error:
                        last = error
        except TimeoutError as error:
            raise self.unavailable(what, limit, last) from error

    def unavailable(self, what: str, limit: float, last: BaseException | None) -> ChainUnavailableError:
        """The error for a request that no endpoint answered in ``limit`` seconds."""
        cause = f"; the last attempt ended with {_reason(last)}" if last is not None else ""
        tried = ", ".join(self.endpoints)
        return ChainUnavailableError(f"{what}: no answer within {limit:g} s from {tried}{cause}")

    async def link(self) -> Link:
        """The open link, dialled anew when there is none.

        Tries one endpoint; raises what the transport raises after moving on to the
        next, with a pause once all have failed in a row.
        """
        async with self._dialling:
            if self._closed:
                raise StateError("the chain connection is closed")
            if self._link is not None:
                return self._link
            await self.clock.sleep(self._dial_at - self.clock.monotonic())
            endpoint = self.endpoints[self._next]
            try:
                link = await self._dial(endpoint)
            except BaseException:
                self._move_on(endpoint)
                raise
            self._link = link
            _log.debug("chain.connected", endpoint=endpoint)
            return link

    def answered(self) -> None:
        """Note that the link in use gave an answer: it is alive, and the failures before it are history."""
        self._answers += 1
        self._failures = 0

    def _move_on(self, endpoint: str) -> None:
        """Let the next dial go to the endpoint after ``endpoint``, and not too soon once all have failed in a row."""
        self._failures += 1
        self._next = (self.endpoints.index(endpoint) + 1) % len(self.endpoints)
        rounds, rest = divmod(self._failures, len(self.endpoints))
        if rest == 0:
            # Never longer than half an attempt, or an attempt would end before it began.
            cap = min(PAUSE_CAP_SECONDS, self.attempt_seconds / 2)
            self._dial_at = self.clock.monotonic() + backoff_seconds(rounds - 1, PAUSE_BASE_SECONDS, cap, self._rng)

    async def condemn(self, link: Link, reason: str) -> None:
        """Give up a link, so that the next request dials the next endpoint.

        Does nothing when another task has already replaced it.
        """
        if self._link is not link:
            return
        self._link = None
        self.replacements += 1
        self._move_on(link.endpoint)
        _log.warning("chain.endpoint_lost", endpoint=link.endpoint, reason=reason)
        await self._hang_up(link)

    async def close(self) -> None:
        """Hang up for good."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            await self._hang_up(link)

    async def _hang_up(self, link: Link) -> None:
        # A half-open socket does not answer the closing handshake either.
        try:
            async with asyncio.timeout(2.0):
                await link.close()
        except (*ANSWERS, AssertionError) as error:
            # The SDK rebuilds a ConnectionClosed that got both closing frames without their order,
            # which websockets asserts; a farewell that failed must not replace why we leave.
            _log.debug("chain.close_failed", endpoint=link.endpoint, reason=_reason(error))


def _reason(error: BaseException | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def together(*requests: Awaitable[Any]) -> list[Any]:
    """The answers to several requests in flight at once; the first failure cancels the rest and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_awaited(request)) for request in requests]
    except BaseExceptionGroup as failures:
        # All of them went over the same link: the first failure tells as much as all.
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [task.result() for task in tasks]


async def _awaited(request: Awaitable[T]) -> T:
    return await request
