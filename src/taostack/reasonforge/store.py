"""What a validator keeps: epochs, transcripts, judged answers, standings, and each miner's history.

Everything about a miner is filed under (hotkey, registration block). Functions
take the connection of a transaction that the caller owns, so an epoch's rows,
the runner's mark "done" and the histories become true in the same moment.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from taostack.reasonforge.judging import EpochOutcome, Identity, ScoredAnswer, Transcript
from taostack.reasonforge.protocol import ReasoningReply
from taostack.reasonforge.rules import Rules
from taostack.reasonforge.scoring.standing import History, Standing
from taostack.storage import Migrations, creates

_shape = sa.MetaData()

epochs = sa.Table(
    "reasonforge_epochs",
    _shape,
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("netuid", sa.Integer, nullable=False),
    sa.Column("validator", sa.Text, nullable=False),
    sa.Column("commitment", sa.Text, nullable=False),
    sa.Column("rules", sa.LargeBinary, nullable=False),
    sa.Column("families", sa.LargeBinary, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("closed_ms", sa.BigInteger),
    # The seed is here only once the epoch is closed; until then the runner alone has it.
    sa.Column("seed", sa.Text),
    sa.Column("average_cms", sa.Float),
    sa.Column("void_slots", sa.LargeBinary),
    sa.Column("histories", sa.LargeBinary),
)

submissions = sa.Table(
    "reasonforge_submissions",
    _shape,
    sa.Column("epoch", sa.Integer, sa.ForeignKey("reasonforge_epochs.epoch"), primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True),
    sa.Column("hotkey", sa.Text, primary_key=True),
    sa.Column("registered_at", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("reply", sa.LargeBinary),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("latency_seconds", sa.Float, nullable=False),
    sa.Column("health_seconds", sa.LargeBinary, nullable=False),
)

answers = sa.Table(
    "reasonforge_task_results",
    _shape,
    sa.Column("epoch", sa.Integer, sa.ForeignKey("reasonforge_epochs.epoch"), primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True),
    sa.Column("hotkey", sa.Text, primary_key=True),
    sa.Column("registered_at", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("difficulty", sa.Integer, nullable=False),
    sa.Column("audited", sa.Boolean, nullable=False),
    sa.Column("correct", sa.Boolean, nullable=False),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.Column("quality", sa.Float, nullable=False),
    sa.Column("accuracy", sa.Float, nullable=False),
    sa.Column("novelty", sa.Float, nullable=False),
    sa.Column("efficiency", sa.Float, nullable=False),
    sa.Column("cms", sa.Float, nullable=False),
    sa.Column("solve_seconds", sa.Float, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

standings = sa.Table(
    "reasonforge_miner_epochs",
    _shape,
    sa.Column("epoch", sa.Integer, sa.ForeignKey("reasonforge_epochs.epoch"), primary_key=True),
    sa.Column("hotkey", sa.Text, primary_key=True),
    sa.Column("registered_at", sa.BigInteger, primary_key=True),
    sa.Column("uid", sa.Integer, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("s_epoch", sa.Float, nullable=False),
    sa.Column("standard_error", sa.Float, nullable=False),
    sa.Column("trap_penalty", sa.Float, nullable=False),
    sa.Column("probation", sa.Float, nullable=False),
    sa.Column("streak", sa.Integer, nullable=False),
    sa.Column("peb", sa.Float, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("assigned", sa.Integer, nullable=False),
    sa.Column("answered", sa.Integer, nullable=False),
    sa.Column("correct", sa.Integer, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False),
)

miners = sa.Table(
    "reasonforge_miners",
    _shape,
    sa.Column("hotkey", sa.Text, primary_key=True),
    sa.Column("registered_at", sa.BigInteger, primary_key=True),
    sa.Column("streak", sa.Integer, nullable=False),
    sa.Column("audits", sa.LargeBinary, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)

MIGRATIONS = Migrations(
    "reasonforge",
    (
        creates(epochs, submissions, answers, standings, miners),
        "CREATE INDEX reasonforge_task_results_by_hotkey ON reasonforge_task_results (hotkey, epoch)",
        "CREATE INDEX reasonforge_miner_epochs_untold ON reasonforge_miner_epochs (told, epoch)",
    ),
)


class EpochRow(msgspec.Struct, frozen=True, kw_only=True):
    """An epoch as it is kept; ``seed`` (hex) and what follows are set once it is closed."""

    epoch: int
    netuid: int
    validator: str
    commitment: str
    rules: Rules
    families: tuple[str, ...]
    opened_ms: int
    closed_ms: int | None = None
    seed: str | None = None
    average_cms: float | None = None
    void_slots: tuple[int, ...] = ()
    histories: tuple[tuple[str, int, History], ...] = ()
    """Histories as they were before this epoch: what an audit starts from."""


def open_epoch(connection: sa.Connection, row: EpochRow) -> None:
    """Keep that an epoch is open; a second opening of the same epoch changes nothing."""
    exists = connection.execute(sa.select(epochs.c.epoch).where(epochs.c.epoch == row.epoch)).first()
    if exists is None:
        connection.execute(
            epochs.insert().values(
                epoch=row.epoch,
                netuid=row.netuid,
                validator=row.validator,
                commitment=row.commitment,
                rules=msgspec.json.encode(row.rules),
                families=msgspec.json.encode(row.families),
                opened_ms=row.opened_ms,
            )
        )


def add_round(connection: sa.Connection, epoch: int, transcripts: Iterable[Transcript]) -> None:
    """Keep one round's transcripts, all or none; a round that is kept is never asked again."""
    rows = [
        {
            "epoch": epoch,
            "slot": each.slot,
            "hotkey": each.hotkey,
            "registered_at": each.registered_at,
            "uid": each.uid,
            "attempt": each.attempt,
            "reply": None if each.reply is None else msgspec.json.encode(each.reply),
            "failure": each.failure,
            "latency_seconds": each.latency_seconds,
            "health_seconds": msgspec.json.encode(each.health_seconds),
        }
        for each in transcripts
    ]
    if rows:
        connection.execute(submissions.insert(), rows)


def transcripts_of(connection: sa.Connection, epoch: int) -> list[Transcript]:
    """All transcripts of an epoch, by slot and hotkey."""
    query = (
        sa.select(submissions).where(submissions.c.epoch == epoch).order_by(submissions.c.slot, submissions.c.hotkey)
    )
    return [
        Transcript(
            hotkey=row.hotkey,
            registered_at=row.registered_at,
            uid=row.uid,
            slot=row.slot,
            attempt=row.attempt,
            reply=None if row.reply is None else msgspec.json.decode(row.reply, type=ReasoningReply),
            failure=row.failure,
            latency_seconds=row.latency_seconds,
            health_seconds=msgspec.json.decode(row.health_seconds, type=tuple[float, ...]),
        )
        for row in connection.execute(query)
    ]


def slots_done(connection: sa.Connection, epoch: int) -> set[int]:
    """Slots of an epoch whose round is kept."""
    query = sa.select(submissions.c.slot).where(submissions.c.epoch == epoch).distinct()
    return set(connection.execute(query).scalars())


def histories(connection: sa.Connection) -> dict[Identity, History]:
    """Every known miner's streak and audited outcomes."""
    return {
        (row.hotkey, row.registered_at): History(
            streak=row.streak, audits=msgspec.json.decode(row.audits, type=tuple[float, ...])
        )
        for row in connection.execute(sa.select(miners))
    }


def close_epoch(
    connection: sa.Connection,
    epoch: int,
    outcome: EpochOutcome,
    *,
    seed: bytes,
    closed_ms: int,
    before: Mapping[Identity, History],
) -> None:
    """Write all that an epoch found; part of the transaction that marks it done.

    A miner that did not take part loses its streak and keeps its audits.
    """
    took_part = [(row.hotkey, row.registered_at) for row in outcome.standings]
    used = [(hotkey, at, before[(hotkey, at)]) for hotkey, at in took_part if (hotkey, at) in before]
    connection.execute(
        epochs.update()
        .where(epochs.c.epoch == epoch)
        .values(
            closed_ms=closed_ms,
            seed=seed.hex(),
            average_cms=outcome.average_cms,
            void_slots=msgspec.json.encode(outcome.void_slots),
            histories=msgspec.json.encode(used),
        )
    )
    if outcome.answers:
        connection.execute(
            answers.insert(), [{"epoch": epoch, **msgspec.to_builtins(each)} for each in outcome.answers]
        )
    if outcome.standings:
        rows = [msgspec.to_builtins(standing_row(epoch, each)) for each in outcome.standings]
        connection.execute(standings.insert(), [{**row, "told": False} for row in rows])
    connection.execute(miners.update().values(streak=0))
    for each in outcome.standings:
        where = (miners.c.hotkey == each.hotkey) & (miners.c.registered_at == each.registered_at)
        values = {"streak": each.streak, "audits": msgspec.json.encode(each.history.audits), "epoch": epoch}
        if connection.execute(miners.update().where(where).values(**values)).rowcount == 0:
            connection.execute(miners.insert().values(hotkey=each.hotkey, registered_at=each.registered_at, **values))


def epoch_row(connection: sa.Connection, epoch: int) -> EpochRow | None:
    """One epoch, or None when it was never opened here."""
    row = connection.execute(sa.select(epochs).where(epochs.c.epoch == epoch)).first()
    if row is None:
        return None
    known = msgspec.json.decode(row.histories, type=tuple[tuple[str, int, History], ...]) if row.histories else ()
    return EpochRow(
        epoch=row.epoch,
        netuid=row.netuid,
        validator=row.validator,
        commitment=row.commitment,
        rules=msgspec.json.decode(row.rules, type=Rules),
        families=msgspec.json.decode(row.families, type=tuple[str, ...]),
        opened_ms=row.opened_ms,
        closed_ms=row.closed_ms,
        seed=row.seed,
        average_cms=row.average_cms,
        void_slots=msgspec.json.decode(row.void_slots, type=tuple[int, ...]) if row.void_slots else (),
        histories=known,
    )


def closed_epochs(connection: sa.Connection, *, newest: int | None = None) -> list[int]:
    """Closed epochs, newest first; all, or at most ``newest``."""
    query = sa.select(epochs.c.epoch).where(epochs.c.closed_ms.is_not(None)).order_by(epochs.c.epoch.desc())
    return list(connection.execute(query.limit(newest) if newest is not None else query).scalars())


def answers_of(connection: sa.Connection, epoch: int, identity: Identity | None = None) -> list[ScoredAnswer]:
    """Judged answers of an epoch, of all miners or of one, by slot and hotkey."""
    query = sa.select(answers).where(answers.c.epoch == epoch)
    if identity is not None:
        query = query.where(answers.c.hotkey == identity[0], answers.c.registered_at == identity[1])
    names = ScoredAnswer.__struct_fields__
    return [
        ScoredAnswer(**{name: getattr(row, name) for name in names})
        for row in connection.execute(query.order_by(answers.c.slot, answers.c.hotkey))
    ]


class StandingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A standing as it is kept."""

    epoch: int
    hotkey: str
    registered_at: int
    uid: int
    rank: int
    s_epoch: float
    standard_error: float
    trap_penalty: float
    probation: float
    streak: int
    peb: float
    weight: float
    assigned: int
    answered: int
    correct: int


def forget_before(connection: sa.Connection, epoch: int) -> None:
    """Drop transcripts and judged answers of earlier epochs; epochs, seeds and standings stay."""
    connection.execute(submissions.delete().where(submissions.c.epoch < epoch))
    connection.execute(answers.delete().where(answers.c.epoch < epoch))


def standing_row(epoch: int, standing: Standing) -> StandingRow:
    """A standing in the form in which it is kept."""
    names = [name for name in StandingRow.__struct_fields__ if name != "epoch"]
    return StandingRow(epoch=epoch, **{name: getattr(standing, name) for name in names})


def standings_of(connection: sa.Connection, epoch: int) -> list[StandingRow]:
    """Standings of a closed epoch, best first."""
    return _standing_rows(connection, sa.select(standings).where(standings.c.epoch == epoch).order_by(standings.c.rank))


def untold(connection: sa.Connection, before_epoch: int, *, reach: int) -> list[StandingRow]:
    """Standings of the ``reach`` epochs before one that their miners have not been told yet, oldest first."""
    query = sa.select(standings).where(
        standings.c.told.is_(False), standings.c.epoch < before_epoch, standings.c.epoch >= before_epoch - reach
    )
    return _standing_rows(connection, query.order_by(standings.c.epoch, standings.c.rank))


def _standing_rows(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[StandingRow]:
    names = StandingRow.__struct_fields__
    return [StandingRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(query)]


def mark_told(connection: sa.Connection, rows: Sequence[StandingRow]) -> None:
    """Keep that these miners have been sent their results."""
    for row in rows:
        connection.execute(
            standings.update()
            .where(
                standings.c.epoch == row.epoch,
                standings.c.hotkey == row.hotkey,
                standings.c.registered_at == row.registered_at,
            )
            .values(told=True)
        )
