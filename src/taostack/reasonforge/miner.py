"""The miner's program: takes tasks from validators, thinks with a backend, answers in time.

    await Miner(settings, ReasonforgeMiner(backend)).run()

Who may ask is the gate's business (registered, validator permit); who asks
comes from the verifier, never from a message. A task that fails inside is
answered with an empty answer: an error's text is nobody's business.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from taostack import __version__
from taostack.neuron.program import Handler, MinerContext
from taostack.reasonforge import protocol
from taostack.reasonforge.backends.base import Backend, Solution
from taostack.reasonforge.errors import BackendError, BackendSettingsError, StatementError
from taostack.reasonforge.protocol import EpochResult, HealthCheck, HealthReport, ReasoningReply, ReasoningTask
from taostack.reasonforge.rules import Domain
from taostack.reasonforge.tasks.seeds import seed_commitment
from taostack.storage import Migrations, creates
from taostack.wire.caller import Caller
from taostack.wire.message import Route

MARGIN_SECONDS = 0.05
"""Kept of every timeout for the way back."""
REMEMBERED_EPOCHS = 64
"""Epochs per validator of which commitments and results are kept."""

_shape = sa.MetaData()

_heard = sa.Table(
    "reasonforge_heard",
    _shape,
    sa.Column("validator", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True),
    sa.Column("commitment", sa.Text, nullable=False),
    sa.Column("result", sa.LargeBinary),
)

MIGRATIONS = Migrations("reasonforge_miner", (creates(_heard),))


class ReasonforgeMiner:
    """A miner program around one backend.

    ``max_concurrent`` tasks are worked on at a time; more wait, and lose time
    by it. ``domains`` are the ones it answers; a task of another domain gets
    an empty answer.
    """

    migrations: Sequence[Migrations] = (MIGRATIONS,)

    def __init__(
        self, backend: Backend, *, max_concurrent: int = 4, domains: Sequence[Domain] = ("mathematics",)
    ) -> None:
        if max_concurrent < 1:
            raise BackendSettingsError(f"max_concurrent was {max_concurrent}", remedy="give 1 or more")
        self._backend = backend
        self._domains = tuple(domains)
        self._slots = asyncio.Semaphore(max_concurrent)
        self._context: MinerContext | None = None
        self._answering = 0
        self._max_concurrent = max_concurrent
        self._commitments: dict[tuple[str, int], str] = {}
        self.results: dict[tuple[str, int], EpochResult] = {}
        """The newest results by (validator hotkey, epoch)."""

    async def open(self, context: MinerContext) -> None:
        """Load what validators committed to before, and the backend."""
        self._context = context
        for validator, epoch, commitment, result in await context.database.read(_remembered):
            self._commitments[validator, epoch] = commitment
            if result is not None:
                self.results[validator, epoch] = msgspec.json.decode(result, type=EpochResult)
        await self._backend.open()

    async def close(self) -> None:
        """Close the backend."""
        await self._backend.close()

    def routes(self) -> Sequence[tuple[Route[Any, Any], Handler]]:
        """The three routes of the protocol."""
        return (
            (protocol.REASON, self.reason),
            (protocol.HEALTH, self.health),
            (protocol.EPOCH_RESULT, self.epoch_result),
        )

    async def reason(self, task: ReasoningTask, caller: Caller) -> ReasoningReply:
        """Answer one task within its timeout; empty when the backend has nothing."""
        context = self._opened()
        await self._remember_commitment(caller.hotkey, task)
        log = context.log.bind(task=task.task_id, validator=caller.hotkey, difficulty=task.difficulty)
        solution = Solution("")
        started = context.clock.monotonic()
        self._answering += 1
        try:
            if task.domain in self._domains:
                async with asyncio.timeout(max(0.0, task.timeout_ms / 1000 - MARGIN_SECONDS)), self._slots:
                    solution = await self._backend.solve(task)
            outcome = "answered" if solution.final_answer else "empty"
        except TimeoutError:
            outcome = "too_late"
        except (BackendError, StatementError) as error:
            outcome = error.code
            log.warning("task_not_solved", error=str(error), code=error.code)
        finally:
            self._answering -= 1
        log.debug("task_done", outcome=outcome, seconds=round(context.clock.monotonic() - started, 4))
        context.metrics.counter(
            "reasonforge_miner_tasks_total", "Tasks, by what came of them.", ("domain", "outcome")
        ).labels(domain=task.domain, outcome=outcome).inc()
        return ReasoningReply(task_id=task.task_id, final_answer=solution.final_answer, steps=solution.steps)

    async def health(self, check: HealthCheck, caller: Caller) -> HealthReport:
        """Say whether there is room for another task."""
        return HealthReport(
            nonce=check.nonce,
            status="busy" if self._answering >= self._max_concurrent else "ready",
            supported_domains=self._domains,
            model_info=self._backend.description[:200],
            version=__version__,
        )

    async def epoch_result(self, result: EpochResult, caller: Caller) -> protocol.Received:
        """Keep a result, and check that the published seed opens the commitment heard with the tasks."""
        context = self._opened()
        opened = seed_commitment(
            _bytes(result.seed), netuid=context.netuid, epoch=result.epoch, validator=caller.hotkey
        )
        known = self._commitments.get((caller.hotkey, result.epoch))
        matches = opened == result.seed_commitment and known in (None, opened)
        if not matches:
            context.log.warning("seed_does_not_match", validator=caller.hotkey, epoch=result.epoch)
        elif known is not None:
            # Only what was heard of before: a stranger's results would fill the disk.
            self.results[caller.hotkey, result.epoch] = result
            encoded = msgspec.json.encode(result)
            await context.database.write(
                lambda connection: _keep_result(connection, caller.hotkey, result.epoch, encoded)
            )
            context.metrics.gauge("reasonforge_miner_rank", "Rank in the newest closed epoch.", ("validator",)).labels(
                validator=caller.hotkey
            ).set(result.rank)
            context.log.info(
                "epoch_result",
                validator=caller.hotkey,
                epoch=result.epoch,
                rank=result.rank,
                s=round(result.s_epoch, 4),
            )
        return protocol.Received(epoch=result.epoch, seed_matches=matches)

    async def _remember_commitment(self, validator: str, task: ReasoningTask) -> None:
        key = (validator, task.epoch)
        newest = max((epoch for known, epoch in self._commitments if known == validator), default=task.epoch)
        if key in self._commitments or task.epoch <= newest - REMEMBERED_EPOCHS:
            return
        self._commitments[key] = task.seed_commitment
        oldest = max(newest, task.epoch) - REMEMBERED_EPOCHS + 1
        for stale in [each for each in self._commitments if each[0] == validator and each[1] < oldest]:
            del self._commitments[stale]
            self.results.pop(stale, None)
        await self._opened().database.write(
            lambda connection: _keep_commitment(connection, validator, task.epoch, task.seed_commitment, oldest)
        )

    def _opened(self) -> MinerContext:
        if self._context is None:
            raise BackendSettingsError("the miner program was used before it was opened", remedy="await open() first")
        return self._context


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _remembered(connection: sa.Connection) -> list[tuple[str, int, str, bytes | None]]:
    rows = connection.execute(sa.select(_heard.c.validator, _heard.c.epoch, _heard.c.commitment, _heard.c.result))
    return [(row.validator, row.epoch, row.commitment, row.result) for row in rows]


def _keep_commitment(connection: sa.Connection, validator: str, epoch: int, commitment: str, oldest: int) -> None:
    connection.execute(_heard.delete().where(_heard.c.validator == validator, _heard.c.epoch < oldest))
    where = (_heard.c.validator == validator) & (_heard.c.epoch == epoch)
    if connection.execute(sa.select(_heard.c.epoch).where(where)).first() is None:
        connection.execute(_heard.insert().values(validator=validator, epoch=epoch, commitment=commitment))


def _keep_result(connection: sa.Connection, validator: str, epoch: int, result: bytes) -> None:
    where = (_heard.c.validator == validator) & (_heard.c.epoch == epoch)
    connection.execute(_heard.update().where(where).values(result=result))
