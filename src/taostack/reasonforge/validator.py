"""The validator's program: one epoch of tasks, answers, verified scores.

    await Validator(settings, ReasonforgeValidator()).run()

An epoch runs so: keep that it is open and to which seed it is committed, tell
miners the results of closed epochs, measure their round trips, ask all slots
(each round is kept when it is complete), judge, and hand scores to the runner
together with the rows that become true in the same transaction. Killed in
between, the next attempt asks only the rounds that are not kept, with fresh
variants, so that nobody gains from having seen a question.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from taostack.neuron.keys import NeuronKey
from taostack.neuron.program import EpochContext, RecoverContext, Scores, Target
from taostack.process.errors import TaostackError
from taostack.reasonforge import judging, protocol, store
from taostack.reasonforge.errors import ScoringInputError
from taostack.reasonforge.judging import EpochOutcome, Transcript
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.scoring.standing import History
from taostack.reasonforge.tasks import registry, seeds
from taostack.reasonforge.tasks.registry import Slot
from taostack.storage import Migrations
from taostack.wire.answer import ROUND_DEADLINE, Answer

HEALTH_SECONDS = 5.0
"""Deadline of one health check."""
RESULT_SECONDS = 5.0
"""Deadline of telling one miner its result."""
RESULT_REACH = 5
"""Epochs for which a miner that cannot be reached is tried again."""
COMMIT_SECONDS = 60.0
"""Deadline of publishing a commitment on chain."""


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """An epoch began: its slots, and how many miners will be asked."""

    epoch: int
    attempt: int
    commitment: str
    slots: tuple[Slot, ...]
    miners: int


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One slot has been asked and kept."""

    epoch: int
    slot: Slot
    transcripts: tuple[Transcript, ...]


@dataclass(frozen=True, slots=True)
class EpochJudged:
    """All rounds are judged; the scores go to the runner now."""

    epoch: int
    outcome: EpochOutcome


Event = EpochOpened | RoundDone | EpochJudged
Observer = Callable[[Event], None]


def _ignore(event: Event) -> None:
    """The observer of nobody."""


class ReasonforgeValidator:
    """A validator program.

    ``families`` restricts the tasks (empty: all). ``reserve_blocks`` before the
    epoch's end no new round begins, so that weights still fit into it.
    Transcripts are kept for ``keep_epochs``, standings and seeds for ever.
    ``publish_commitments`` also writes each epoch's seed commitment on chain.
    ``observer`` is called with each ``Event``, in order, and must be quick.
    """

    migrations: Sequence[Migrations] = (store.MIGRATIONS,)

    def __init__(
        self,
        *,
        rules: Rules = DEFAULT,
        families: Sequence[str] = (),
        reserve_blocks: int = 3,
        concurrency: int = 256,
        keep_epochs: int = 200,
        publish_commitments: bool = False,
        observer: Observer = _ignore,
    ) -> None:
        if rules.tasks_per_epoch < 1:
            raise ScoringInputError("an epoch needs at least one task", remedy="set tasks_per_epoch to 1 or more")
        for name in families:
            registry.family(name)
        self._rules = rules
        self._families = tuple(families)
        self._reserve_blocks = reserve_blocks
        self._concurrency = concurrency
        self._keep_epochs = keep_epochs
        self._publish = publish_commitments
        self._observe = observer
        self.newest: EpochOutcome | None = None
        """What the last epoch of this process found."""

    @property
    def rules(self) -> str:
        """Version of the rules in force."""
        return self._rules.version

    async def recover(self, context: RecoverContext) -> None:
        """Say where it goes on; all state is read from the database when it is needed."""
        context.log.info(
            "recovered",
            unfinished=None if context.unfinished is None else context.unfinished.index,
            abandoned=[epoch.index for epoch in context.abandoned],
            last_done=None if context.last_done is None else context.last_done.index,
        )

    async def close(self) -> None:
        """Nothing is held."""

    async def epoch(self, context: EpochContext) -> Scores:
        """Run one epoch; what it returns is scores and the rows to commit with them."""
        number = context.epoch.index
        row, done = await self._open_epoch(context)
        slots = registry.plan(context.seed, rules=row.rules, families=row.families)
        commitment = row.commitment
        self._observe(EpochOpened(number, context.attempt, commitment, slots, len(context.targets)))
        context.metrics.gauge("reasonforge_validator_current_epoch", "Epoch in work.").set(number)
        context.metrics.gauge("reasonforge_validator_active_miners", "Miners asked.").set(len(context.targets))

        if self._publish:
            await self._publish_commitment(context, commitment)
        async with asyncio.TaskGroup() as group:
            # Beside the questions, so that a miner that does not take its result holds nobody up.
            group.create_task(self._tell_results(context), name="tell results")
            trips = await self._round_trips(context)
            await self._ask_rounds(context, row, [slot for slot in slots if slot.index not in done], trips)
        return await self._judge(context, row)

    async def _open_epoch(self, context: EpochContext) -> tuple[store.EpochRow, set[int]]:
        """The epoch as it is kept, and the slots that an earlier attempt has asked.

        An epoch that was opened under other rules goes on under those: its
        slots were drawn by them. The runner then does not send its scores.
        """
        number = context.epoch.index
        wanted = store.EpochRow(
            epoch=number,
            netuid=context.netuid,
            validator=context.me.hotkey,
            commitment=seeds.seed_commitment(
                context.seed, netuid=context.netuid, epoch=number, validator=context.me.hotkey
            ),
            rules=self._rules,
            families=self._families,
            opened_ms=context.clock.now_ms(),
        )

        def work(connection: sa.Connection) -> tuple[store.EpochRow, set[int]]:
            store.open_epoch(connection, wanted)
            return store.epoch_row(connection, number) or wanted, store.slots_done(connection, number)

        return await context.database.write(work)

    async def _publish_commitment(self, context: EpochContext, commitment: str) -> None:
        """Write the commitment on chain; without it the signed tasks still bind this validator to its seed."""
        data = f"rf1:{context.epoch.index}:{commitment}"
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await context.chain.commit(context.netuid, data, context.wallet)
        except (TaostackError, TimeoutError) as error:
            context.log.warning("commitment_not_published", epoch=context.epoch.index, error=str(error))

    async def _tell_results(self, context: EpochContext) -> None:
        """Send the seeds and scores of closed epochs to the miners that have not been told yet."""
        number = context.epoch.index
        waiting = await context.database.read(
            lambda connection: [
                (each, epoch_row, store.answers_of(connection, each.epoch, (each.hotkey, each.registered_at)))
                for each in store.untold(connection, number, reach=RESULT_REACH)
                if (epoch_row := store.epoch_row(connection, each.epoch)) is not None
            ]
        )
        reachable = {target.key: target for target in context.targets}
        calls = []
        told = []
        for standing, row, scored in waiting:
            target = reachable.get(NeuronKey(standing.hotkey, standing.registered_at))
            if target is not None:
                calls.append((target.endpoint, _result(standing, row, scored)))
                told.append(standing)
        if not calls:
            return
        replies = await context.dendrite.ask_all(
            protocol.EPOCH_RESULT, calls, deadline_seconds=RESULT_SECONDS, concurrency=self._concurrency
        )
        reached = [standing for standing, reply in zip(told, replies, strict=True) if reply.ok]
        await context.database.write(lambda connection: store.mark_told(connection, reached))

    async def _round_trips(self, context: EpochContext) -> dict[NeuronKey, tuple[float, ...]]:
        """Seconds of a few health checks with each miner, without any work in them."""
        trips: dict[NeuronKey, list[float]] = {target.key: [] for target in context.targets}
        asked = context.targets
        for number in range(self._rules.health_checks):
            check = protocol.HealthCheck(nonce=f"{context.epoch.index}-{context.attempt}-{number}")
            replies = await context.dendrite.ask_all(
                protocol.HEALTH,
                [(target.endpoint, check) for target in asked],
                deadline_seconds=min(HEALTH_SECONDS, self._rules.task_timeout_ms / 1000),
                concurrency=self._concurrency,
            )
            for target, reply in zip(asked, replies, strict=True):
                if reply.ok:
                    trips[target.key].append(reply.latency_seconds)
            # Who did not answer once is not waited for again; it has no credit, but gets its tasks.
            asked = tuple(target for target, reply in zip(asked, replies, strict=True) if reply.ok)
        return {key: tuple(seconds) for key, seconds in trips.items()}

    async def _ask_rounds(
        self,
        context: EpochContext,
        row: store.EpochRow,
        slots: Sequence[Slot],
        trips: dict[NeuronKey, tuple[float, ...]],
    ) -> None:
        """Ask every slot, ``rounds_in_flight`` at a time; the first wave always, later ones while there is time."""
        waiting = iter(slots)
        workers = min(row.rules.rounds_in_flight, len(slots))

        async def work(first: bool) -> None:
            for slot in waiting:
                if not first and context.blocks_left <= self._reserve_blocks:
                    context.log.warning("epoch_cut_short", epoch=context.epoch.index, slot=slot.index)
                    return
                first = False
                await self._ask_round(context, row, slot, trips)

        if context.targets:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work(first=True))

    async def _ask_round(
        self, context: EpochContext, row: store.EpochRow, slot: Slot, trips: dict[NeuronKey, tuple[float, ...]]
    ) -> None:
        number = context.epoch.index
        calls = [
            (
                target.endpoint,
                protocol.public(
                    registry.task_for(
                        context.seed,
                        slot,
                        epoch=number,
                        hotkey=target.key.hotkey,
                        attempt=context.attempt,
                        rules=row.rules,
                    ),
                    row.commitment,
                ),
            )
            for target in context.targets
        ]
        replies = await context.dendrite.ask_all(
            protocol.REASON,
            calls,
            deadline_seconds=row.rules.task_timeout_ms / 1000,
            concurrency=self._concurrency,
        )
        transcripts = tuple(
            _transcript(target, slot, context.attempt, reply, trips[target.key])
            for target, reply in zip(context.targets, replies, strict=True)
        )
        await context.database.write(lambda connection: store.add_round(connection, number, transcripts))
        self._observe(RoundDone(number, slot, transcripts))

    async def _judge(self, context: EpochContext, row: store.EpochRow) -> Scores:
        number = context.epoch.index

        def read(connection: sa.Connection) -> tuple[list[Transcript], dict[judging.Identity, History]]:
            return store.transcripts_of(connection, number), store.histories(connection)

        transcripts, before = await context.database.read(read)
        outcome = await asyncio.to_thread(
            judging.judge_epoch,
            context.seed,
            epoch=number,
            transcripts=transcripts,
            histories=before,
            rules=row.rules,
            families=row.families,
        )
        self._measure(context, outcome)
        closed_ms = context.clock.now_ms()

        def commit(connection: sa.Connection) -> None:
            store.close_epoch(connection, number, outcome, seed=context.seed, closed_ms=closed_ms, before=before)
            store.forget_before(connection, number - self._keep_epochs)

        self.newest = outcome
        self._observe(EpochJudged(number, outcome))
        values = {
            NeuronKey(each.hotkey, each.registered_at): each.weight for each in outcome.standings if each.weight > 0
        }
        if not values:
            context.log.warning("nobody_earned", epoch=number, miners=len(outcome.standings))
        return Scores(
            values=values,
            rules=row.rules.version,
            commit=commit,
            detail=msgspec.json.encode({"average_cms": outcome.average_cms, "void_slots": outcome.void_slots}),
        )

    def _measure(self, context: EpochContext, outcome: EpochOutcome) -> None:
        metrics = context.metrics
        metrics.counter("reasonforge_validator_epochs_total", "Epochs judged.").inc()
        metrics.gauge("reasonforge_validator_avg_cms", "Mean CMS of the newest epoch.").set(outcome.average_cms)
        best = outcome.standings[0].s_epoch if outcome.standings else 0.0
        metrics.gauge("reasonforge_validator_top_miner_score", "Best S of the newest epoch.").set(best)
        tasks = metrics.counter(
            "reasonforge_validator_tasks_total", "Answers judged.", ("domain", "difficulty", "verdict")
        )
        traps = metrics.counter("reasonforge_validator_traps_total", "Audited answers.")
        scores = metrics.histogram(
            "reasonforge_validator_cms_score", "CMS of each answer.", buckets=[n / 10 for n in range(1, 11)]
        )
        latency = metrics.histogram("reasonforge_validator_task_latency_seconds", "Solving time.", ("domain",))
        for answer in outcome.answers:
            domain = registry.family(answer.family).domain
            # A peer chooses the text of its refusal, so failures share one label.
            verdict = answer.reason if answer.reason in judging.VERDICTS else "failed"
            tasks.labels(domain=domain, difficulty=answer.difficulty, verdict=verdict).inc()
            traps.inc(answer.audited)
            scores.observe(answer.cms)
            latency.labels(domain=domain).observe(answer.solve_seconds)


def _transcript(
    target: Target,
    slot: Slot,
    attempt: int,
    answer: Answer[protocol.ReasoningReply],
    trips: tuple[float, ...],
) -> Transcript:
    failure = ""
    if answer.failure is not None:
        # A call that never had its turn is this validator's fault, not the miner's.
        unsent = answer.failure.code == ROUND_DEADLINE and answer.latency_seconds == 0
        failure = judging.NOT_ASKED if unsent else f"failed: {answer.failure.code}"
    return Transcript(
        hotkey=target.key.hotkey,
        registered_at=target.key.registered_at,
        uid=target.uid,
        slot=slot.index,
        attempt=attempt,
        reply=answer.reply,
        failure=failure,
        latency_seconds=answer.latency_seconds,
        health_seconds=trips,
    )


def _result(
    standing: store.StandingRow, row: store.EpochRow, scored: Sequence[judging.ScoredAnswer]
) -> protocol.EpochResult:
    return protocol.EpochResult(
        epoch=standing.epoch,
        netuid=row.netuid,
        seed=row.seed or "",
        seed_commitment=row.commitment,
        rules_version=row.rules.version,
        s_epoch=standing.s_epoch,
        rank=standing.rank,
        streak=standing.streak,
        trap_penalty=standing.trap_penalty,
        peb=standing.peb,
        weight=standing.weight,
        scores=tuple(
            protocol.TaskScore(
                task_id=each.task_id,
                slot=each.slot,
                attempt=each.attempt,
                difficulty=each.difficulty,
                correct=each.correct,
                cms=each.cms,
                reason=each.reason,
            )
            for each in scored
        ),
    )
