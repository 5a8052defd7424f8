"""What you write: a program. What runs it: ``Miner`` or ``Validator``.

A program is an ordinary object with the methods below; it inherits nothing and
is made by you, with whatever it needs. The runner owns the life around it:
wallet, chain, registration, endpoint, epochs, weights, database, health, end.

    class Echo:
        migrations = ()
        async def open(self, context): ...
        def routes(self): return [(ECHO, self.answer)]
        async def answer(self, request, caller): return EchoReply(request.text)
        async def close(self): ...

    await Miner(settings, Echo()).run()

The rule of an epoch (``taostack.neuron.epochs`` holds the bookkeeping):

* its number is the chain's own (``SubnetEpochIndex``), so every restart and
  every validator agrees on it;
* it is opened in the database, with its secret seed, before ``epoch`` is called;
* its scores, whatever ``Scores.commit`` writes, and the mark "done" are one
  transaction: all of it is there or nothing. A done epoch never runs again;
* an epoch that was open when the process died runs again from its start (same
  seed, ``attempt`` + 1) if the chain is still in it; otherwise, or after the
  last allowed attempt, it is marked abandoned and never scored.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from taostack.chain.metagraph import Metagraph
from taostack.neuron.keys import NeuronKey, key_of

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from structlog.stdlib import BoundLogger

    from taostack.chain.client import Chain
    from taostack.chain.wallet import Wallet
    from taostack.process.clock import Clock
    from taostack.process.metrics import Metrics
    from taostack.storage.engine import Database
    from taostack.storage.migrations import Migrations
    from taostack.wire import Caller, Dendrite, Endpoint, Route

Handler = Callable[[Any, "Caller"], Awaitable[Any]]
"""``async def handler(request, caller) -> reply`` of one route."""


@dataclass(frozen=True, slots=True, order=True)
class Epoch:
    """One epoch of the subnet as the chain counts it.

    ``index`` is ``SubnetEpochIndex``; it began with ``first_block`` and the
    chain will start the next one at ``next_block`` (an estimate: the owner may
    change the tempo or trigger an epoch early).
    """

    index: int
    first_block: int
    next_block: int

    @property
    def tempo(self) -> int:
        """Its expected length in blocks."""
        return self.next_block - self.first_block


def _write_nothing(connection: "Connection") -> None:
    """The default of ``Scores.commit``."""


@dataclass(frozen=True)
class Scores:
    """What an epoch found: one non-negative finite number for each scored neuron.

    ``values`` is on any scale (the weight setter normalises); whoever is absent
    gets nothing. ``rules`` names the version of the rules that computed them: a
    vector is sent only while that version runs. ``commit`` writes the program's
    own rows through the connection of the transaction that marks the epoch
    done; it must not do anything else. ``detail`` is kept with the epoch.
    """

    values: Mapping[NeuronKey, float]
    rules: str
    commit: "Callable[[Connection], None]" = _write_nothing
    detail: bytes = b""

    @classmethod
    def by_uid(
        cls,
        metagraph: Metagraph,
        values: Mapping[int, float],
        *,
        rules: str,
        commit: "Callable[[Connection], None]" = _write_nothing,
        detail: bytes = b"",
    ) -> "Scores":
        """Scores given by uid of ``metagraph``, filed under the neurons that hold those uids in it."""
        keyed = {key_of(metagraph, uid): float(value) for uid, value in values.items()}
        return cls(values=keyed, rules=rules, commit=commit, detail=detail)


@dataclass(frozen=True, slots=True)
class Target:
    """A neuron that can be asked: where it sits, who it is, how it is reached."""

    uid: int
    key: NeuronKey
    endpoint: "Endpoint"


@dataclass(frozen=True)
class MinerContext:
    """What a miner program is given when it opens; all of it lives until ``close``."""

    netuid: int
    me: NeuronKey
    wallet: "Wallet"
    chain: "Chain"
    metagraph: Callable[[], Metagraph]
    """The newest snapshot."""
    database: "Database"
    clock: "Clock"
    rng: Random
    metrics: "Metrics"
    log: "BoundLogger"


@dataclass(frozen=True)
class RecoverContext:
    """What a validator program is given once, before its first epoch.

    ``unfinished`` is the epoch that was open when the process last died and
    will be run again, or None; ``abandoned`` are the epochs that were closed
    just now without scores; ``last_done`` is the newest finished one.
    """

    netuid: int
    me: NeuronKey
    wallet: "Wallet"
    chain: "Chain"
    metagraph: Metagraph
    database: "Database"
    clock: "Clock"
    metrics: "Metrics"
    log: "BoundLogger"
    unfinished: Epoch | None = None
    abandoned: tuple[Epoch, ...] = ()
    last_done: Epoch | None = None


@dataclass(frozen=True)
class EpochContext:
    """What a validator program is given for one epoch.

    ``seed`` (32 secret bytes) and ``rng`` (seeded by it) are drawn once an
    epoch and stored: a second ``attempt`` (counted from 1) gets the same.
    ``metagraph`` is the snapshot read when this attempt began.
    """

    netuid: int
    me: NeuronKey
    wallet: "Wallet"
    epoch: Epoch
    attempt: int
    seed: bytes = field(repr=False)
    rng: Random = field(repr=False)
    metagraph: Metagraph
    targets: tuple[Target, ...]
    """Registered neurons with a usable endpoint, me left out, in uid order."""
    chain: "Chain"
    dendrite: "Dendrite"
    database: "Database"
    clock: "Clock"
    metrics: "Metrics"
    log: "BoundLogger"
    block: Callable[[], int]
    """Number of the newest head seen."""

    @property
    def blocks_left(self) -> int:
        """Blocks until the chain is expected to begin the next epoch, at least 0."""
        return max(0, self.epoch.next_block - self.block())


class MinerProgram(Protocol):
    """The part of a miner that is yours."""

    @property
    def migrations(self) -> "Sequence[Migrations]":
        """Tables that the program keeps in the neuron's database."""
        ...

    async def open(self, context: MinerContext) -> None:
        """Load state and start engines; the port opens after this returned."""
        ...

    def routes(self) -> "Sequence[tuple[Route[Any, Any], Handler]]":
        """What the axon serves; asked once, after ``open``."""
        ...

    async def close(self) -> None:
        """Release what ``open`` took; called once the port is closed, also after an error."""
        ...


class ValidatorProgram(Protocol):
    """The part of a validator that is yours."""

    @property
    def migrations(self) -> "Sequence[Migrations]":
        """Tables that the program keeps in the neuron's database."""
        ...

    @property
    def rules(self) -> str:
        """Version of the rules in force; scores of another version are never sent."""
        ...

    async def recover(self, context: RecoverContext) -> None:
        """Load state; called once before the first epoch."""
        ...

    async def epoch(self, context: EpochContext) -> Scores:
        """Do the work of one epoch.

        Raising ends this attempt; the runner logs it and tries again within the
        epoch as often as the settings allow. Cancelled when the epoch is over
        for longer than the settings allow, and at shutdown.
        """
        ...

    async def close(self) -> None:
        """Release what was taken; called once, also after an error."""
        ...
