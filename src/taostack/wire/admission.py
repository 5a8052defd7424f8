"""Slots for calls, and who gets the next one when all are taken.

With a free slot a call enters at once. With none, it waits, and the waiting
draw lots weighted by stake: each draws once from an exponential distribution
whose rate is its stake, the smallest draw goes first (Efraimidis and Spirakis,
"Weighted random sampling with a reservoir", 2006). A caller with twice the
stake wins twice as often, yet no one starves, as would under a strict order.
When the waiting room is full the worst draw leaves.
"""

import asyncio
import heapq
import random
from collections import Counter

from taostack.wire import problems
from taostack.wire.errors import ProblemError
from taostack.wire.gate import GateRules


class _Waiter:
    __slots__ = ("draw", "turn")

    def __init__(self, draw: float, turn: asyncio.Future[bool]) -> None:
        self.draw = draw
        self.turn = turn

    def __lt__(self, other: "_Waiter") -> bool:
        return self.draw < other.draw


class Admission:
    """Counts calls in flight; ``enter`` and ``leave`` frame one call."""

    def __init__(self, rules: GateRules, rng: random.Random) -> None:
        self._rules = rules
        self._rng = rng
        self._in_flight = 0
        self._per_hotkey: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    @property
    def in_flight(self) -> int:
        """Calls that hold a slot now."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot now."""
        return len(self._waiting)

    async def enter(self, hotkey: str, stake_rao: int) -> None:
        """Take a slot, waiting if need be; raises ``ProblemError`` (``busy``) when there is none in time."""
        if self._per_hotkey[hotkey] >= self._rules.max_in_flight_per_hotkey:
            raise ProblemError(problems.BUSY, "too many calls of this hotkey in flight")
        self._per_hotkey[hotkey] += 1
        if self._in_flight < self._rules.max_in_flight and not self._waiting:
            self._in_flight += 1
            return
        try:
            await self._wait(stake_rao)
        except BaseException:
            self._forget(hotkey)
            raise

    def leave(self, hotkey: str) -> None:
        """Give the slot to the next one waiting, or free it."""
        self._forget(hotkey)
        self._pass_on()

    def _forget(self, hotkey: str) -> None:
        self._per_hotkey[hotkey] -= 1
        if not self._per_hotkey[hotkey]:
            del self._per_hotkey[hotkey]

    async def _wait(self, stake_rao: int) -> None:
        if self._rules.max_waiting == 0:
            raise ProblemError(problems.BUSY, "all slots are taken")
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(self._rng.expovariate(stake_rao + 1.0), turn)
        heapq.heappush(self._waiting, waiter)
        if len(self._waiting) > self._rules.max_waiting:
            self._send_away(max(self._waiting))
        try:
            async with asyncio.timeout(self._rules.wait_seconds):
                admitted = await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.result():
                # The slot came in the same moment: hand it on, or it is lost for ever.
                self._pass_on()
            elif waiter in self._waiting:
                self._send_away(waiter)
            if isinstance(error, TimeoutError):
                raise ProblemError(problems.BUSY, f"no slot within {self._rules.wait_seconds:g} s") from None
            raise
        if not admitted:
            raise ProblemError(problems.BUSY, "all slots are taken and the waiting room is full")

    def _pass_on(self) -> None:
        while self._waiting:
            waiter = heapq.heappop(self._waiting)
            if not waiter.turn.done():
                waiter.turn.set_result(True)
                return
        self._in_flight -= 1

    def _send_away(self, waiter: _Waiter) -> None:
        self._waiting.remove(waiter)
        heapq.heapify(self._waiting)
        if not waiter.turn.done():
            waiter.turn.set_result(False)
