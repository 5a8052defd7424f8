"""Who may call: rules over a directory (a metagraph snapshot), asked after verification.

The same rules run twice. Before a body is read they look at the hotkey that a
request *claims*, which costs a dictionary look-up and turns strangers away
without hashing or verifying anything. After verification they decide.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from taostack.process.clock import Clock
from taostack.wire import problems
from taostack.wire.errors import ProblemError, RouteError


class Standing(Protocol):
    """What a directory knows of a registered hotkey."""

    @property
    def uid(self) -> int:
        """Its uid in the subnet."""
        ...

    @property
    def stake_rao(self) -> int:
        """Its stake."""
        ...

    @property
    def permit(self) -> bool:
        """Whether it holds a validator permit."""
        ...


class Directory(Protocol):
    """A snapshot of who is registered; ``taostack.chain.Metagraph`` is one."""

    def standing(self, hotkey: str, /) -> Standing | None:
        """What is known of ``hotkey``; ``None`` when it is not registered."""
        ...

    def age_ms(self, clock: Clock, /) -> int:
        """Milliseconds since the snapshot was taken."""
        ...


class GateRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a caller must have. ``deny`` wins over ``allow``, ``allow`` over everything else."""

    require_registered: bool = True
    """Only hotkeys of the directory."""
    require_permit: bool = False
    """Only hotkeys with a validator permit."""
    min_stake_rao: int = 0
    """Only hotkeys with at least this stake."""
    allow: frozenset[str] = frozenset()
    """Hotkeys that pass whatever the directory says."""
    deny: frozenset[str] = frozenset()
    """Hotkeys that never pass."""
    max_age_seconds: float = 1800.0
    """How old the directory may be."""
    when_stale: Literal["refuse", "use"] = "refuse"
    """With a directory that is too old: refuse everybody (fail closed), or use it all the same."""
    calls_per_second: float | None = None
    """Per-hotkey rate (token bucket); ``None`` for no limit."""
    burst: int = 10
    """Calls that a hotkey may save up."""
    max_in_flight: int = 256
    """Calls handled at once."""
    max_in_flight_per_hotkey: int = 64
    """Calls of one hotkey handled or waiting at once."""
    max_waiting: int = 256
    """Calls that wait for a slot; beyond, the one with the worst draw is sent away."""
    wait_seconds: float = 2.0
    """How long a call waits for a slot."""

    def __post_init__(self) -> None:
        if self.calls_per_second is not None and not self.calls_per_second > 0:
            raise RouteError(f"calls_per_second was {self.calls_per_second}, must be positive")
        if min(self.burst, self.max_in_flight, self.max_in_flight_per_hotkey) < 1 or self.max_waiting < 0:
            raise RouteError("burst and in-flight limits must be at least 1, max_waiting at least 0")

    @property
    def uses_directory(self) -> bool:
        """Whether any rule needs to know a caller's standing."""
        return self.require_registered or self.require_permit or self.min_stake_rao > 0


OPEN_RULES = GateRules(require_registered=False)
"""Any hotkey with a valid signature."""


class Gate:
    """Applies ``rules`` to callers; ``directory`` is asked for the snapshot at every call.

    A directory of ``None`` (none read yet) counts as stale, and refuses even
    with ``when_stale="use"``.
    """

    def __init__(self, directory: Callable[[], Directory | None], rules: GateRules, clock: Clock) -> None:
        self.rules = rules
        self._directory = directory
        self._clock = clock
        self._buckets = TokenBuckets(clock, rules.calls_per_second, rules.burst)

    def standing(self, hotkey: str) -> Standing | None:
        """What the directory knows of a hotkey that passes; raises ``ProblemError`` for one that does not.

        Pure look-up: takes no token, so it serves the filter on claimed hotkeys too.
        """
        rules = self.rules
        if hotkey in rules.deny:
            raise ProblemError(problems.DENIED, "this hotkey is denied")
        directory = self._directory()
        if hotkey in rules.allow or not rules.uses_directory:
            return None if directory is None else directory.standing(hotkey)
        if directory is None:
            raise ProblemError(problems.DIRECTORY_STALE, "no metagraph has been read yet")
        if rules.when_stale == "refuse" and directory.age_ms(self._clock) > rules.max_age_seconds * 1000:
            raise ProblemError(problems.DIRECTORY_STALE, f"the metagraph is older than {rules.max_age_seconds:g} s")
        standing = directory.standing(hotkey)
        if standing is None:
            raise ProblemError(problems.NOT_REGISTERED, "this hotkey is not registered in the subnet")
        if rules.require_permit and not standing.permit:
            raise ProblemError(problems.NO_PERMIT, "this hotkey holds no validator permit")
        if standing.stake_rao < rules.min_stake_rao:
            raise ProblemError(problems.STAKE_TOO_LOW, f"needs a stake of {rules.min_stake_rao} rao")
        return standing

    def take_token(self, hotkey: str) -> None:
        """Spend one call of the hotkey's rate; raises ``ProblemError`` when none is left."""
        if not self._buckets.take(hotkey):
            raise ProblemError(problems.RATE_LIMITED, f"more than {self.rules.calls_per_second:g} calls a second")


def _no_directory() -> Directory | None:
    return None


def open_gate(clock: Clock) -> Gate:
    """A gate that lets every verified hotkey in."""
    return Gate(_no_directory, OPEN_RULES, clock)


class TokenBuckets:
    """One token bucket a hotkey; bounded, the longest unused is forgotten first (and so full again)."""

    def __init__(self, clock: Clock, per_second: float | None, burst: int, *, known: int = 16384) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._known = known
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, hotkey: str) -> bool:
        """Whether a token was there; takes it."""
        if self._per_second is None:
            return True
        now = self._clock.monotonic()
        level, at = self._levels.pop(hotkey, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_second)
        taken = level >= 1.0
        self._levels[hotkey] = (level - 1.0 if taken else level, now)
        if len(self._levels) > self._known:
            self._levels.popitem(last=False)
        return taken
