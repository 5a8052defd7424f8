"""Rows in and out of a real database, leaderboards and their reasons, tables for people, commands that look."""

import hashlib
import json
import sqlite3
from contextlib import closing

import msgspec
import pytest
from rich.console import Console

from taostack.chain.metagraph import Metagraph
from taostack.process.errors import UsageError
from taostack.reasonforge import display, leaderboard, looking, store
from taostack.reasonforge.cli import make_backend, make_rules
from taostack.reasonforge.errors import BackendSettingsError, EpochError
from taostack.reasonforge.judging import Transcript, judge_epoch
from taostack.reasonforge.protocol import ReasoningReply
from taostack.reasonforge.rules import DEFAULT
from taostack.reasonforge.scoring.standing import History
from taostack.reasonforge.settings import (
    MinerOptions,
    ReasonforgeMinerSettings,
    ReasonforgeValidatorSettings,
    ValidatorOptions,
)
from taostack.reasonforge.simulator import simulate
from taostack.reasonforge.tasks import registry
from taostack.storage import open_database

SEED = hashlib.sha256(b"store").digest()
RULES = msgspec.structs.replace(DEFAULT, tasks_per_epoch=6, trap_rate=1.0, trap_minimum=1)


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "v.sqlite", [store.MIGRATIONS]) as opened:
        yield opened


def row(epoch):
    return store.EpochRow(
        epoch=epoch, netuid=3, validator="v", commitment="c", rules=RULES, families=(), opened_ms=epoch
    )


def transcripts(epoch, hotkeys=("solver", "guesser")):
    for slot in registry.plan(SEED, rules=RULES):
        for uid, hotkey in enumerate(hotkeys, start=1):
            task = registry.task_for(SEED, slot, epoch=epoch, hotkey=hotkey, rules=RULES)
            reply = ReasoningReply(task_id=task.task_id, final_answer=task.truth if hotkey == "solver" else "nope")
            yield Transcript(hotkey=hotkey, registered_at=10, uid=uid, slot=slot.index, attempt=1, reply=reply)


def play(database, epoch, hotkeys=("solver", "guesser")):
    with database.transaction() as connection:
        store.open_epoch(connection, row(epoch))
        store.add_round(connection, epoch, transcripts(epoch, hotkeys))
        before = store.histories(connection)
        outcome = judge_epoch(
            SEED,
            epoch=epoch,
            transcripts=store.transcripts_of(connection, epoch),
            histories=before,
            rules=RULES,
        )
        store.close_epoch(connection, epoch, outcome, seed=SEED, closed_ms=99, before=before)
    return outcome


def test_an_epoch_comes_back_as_it_was_written(database):
    outcome = play(database, 1)
    with database.reading() as connection:
        kept = store.epoch_row(connection, 1)
        assert (kept.seed, kept.rules, kept.closed_ms) == (SEED.hex(), RULES, 99)
        assert tuple(store.answers_of(connection, 1)) == outcome.answers
        assert [each.hotkey for each in store.standings_of(connection, 1)] == ["solver", "guesser"]
        assert store.histories(connection)["solver", 10] == History(streak=1, audits=(1.0,) * 6)
        assert store.closed_epochs(connection) == [1]
        assert store.epoch_row(connection, 2) is None


def test_opening_an_epoch_twice_keeps_the_first_opening(database):
    with database.transaction() as connection:
        store.open_epoch(connection, row(1))
        store.open_epoch(connection, msgspec.structs.replace(row(1), commitment="other"))
        assert store.epoch_row(connection, 1).commitment == "c"
        store.add_round(connection, 1, [])


def test_who_takes_no_part_loses_its_streak_and_keeps_its_audits(database):
    play(database, 1)
    play(database, 2, hotkeys=("guesser",))
    with database.reading() as connection:
        assert store.histories(connection)["solver", 10] == History(streak=0, audits=(1.0,) * 6)


def test_results_wait_until_they_are_told_or_too_old(database):
    play(database, 1)
    play(database, 2)
    with database.transaction() as connection:
        waiting = store.untold(connection, 3, reach=5)
        assert [each.epoch for each in waiting] == [1, 1, 2, 2]
        store.mark_told(connection, waiting[:2])
        assert [each.epoch for each in store.untold(connection, 3, reach=5)] == [2, 2]
        assert store.untold(connection, 9, reach=5) == []


def test_old_transcripts_and_answers_are_forgotten_and_standings_kept(database):
    play(database, 1)
    play(database, 2)
    with database.transaction() as connection:
        store.forget_before(connection, 2)
        assert store.transcripts_of(connection, 1) == []
        assert store.answers_of(connection, 1) == []
        assert len(store.standings_of(connection, 1)) == 2
        assert len(store.transcripts_of(connection, 2)) == 12


def metagraph(registered=10):
    return Metagraph.build(
        3,
        ["v", "solver", "guesser"],
        registered_at=[0, registered, registered],
        incentive=[0, 1.0, 0],
        emission_rao=[0, 5_000_000_000, 0],
    )


def test_a_leaderboard_says_who_earned_what_and_why(database):
    play(database, 1)
    with database.reading() as connection:
        board = leaderboard.build(connection, metagraph=metagraph())
    best, last = board.rows
    assert (best.rank, best.uid, best.correct, best.incentive, best.emission_rao) == (1, 1, 6, 1.0, 5_000_000_000)
    assert best.reason == "6 of 6 right; streak of 1 at rank 1 adds 20%"
    assert last.weight == 0
    assert "6× answer not in the asked form" in last.reason
    assert "score × 0.00" in last.reason
    assert last.reason.endswith("earned nothing")


def test_a_leaderboard_shows_no_chain_columns_of_a_neuron_that_left(database):
    play(database, 1)
    with database.reading() as connection:
        board = leaderboard.build(connection, metagraph=metagraph(registered=11))
    assert board.rows[0].incentive is board.rows[0].emission_rao is None


def test_a_leaderboard_of_an_epoch_that_is_not_closed_is_an_error(database):
    with database.transaction() as connection:
        with pytest.raises(EpochError):
            leaderboard.build(connection)
        store.open_epoch(connection, row(4))
        with pytest.raises(EpochError):
            leaderboard.build(connection, 4)


def test_a_standing_without_tasks_and_one_on_probation_are_explained():
    base = store.StandingRow(
        epoch=1, hotkey="h", registered_at=1, uid=1, rank=1, s_epoch=0.5, standard_error=0, trap_penalty=1.0,
        probation=0.5, streak=0, peb=0.0, weight=0.2, assigned=2, answered=1, correct=1,
    )  # fmt: skip
    assert leaderboard.explain(base, {"no answer": 1}) == (
        "1 of 2 right; 1× no answer; on probation until enough answers were audited: pay × 0.5"
    )
    assert leaderboard.explain(msgspec.structs.replace(base, assigned=0), {}) == "no task counted for it"


def test_tables_hold_what_people_look_for(database):
    play(database, 1)
    console = Console(width=200, record=True)
    with database.reading() as connection:
        display.leaderboard(leaderboard.build(connection, metagraph=metagraph()), console=console)
    display.families(list(registry.FAMILIES.values()), console=console)
    display.simulation(simulate(1), {"seed": 42}, console=console)
    text = console.export_text()
    assert "5.000" in text
    assert "6 of 6 right; streak of 1 at rank 1 adds 20%" in text
    assert "lattice_paths" in text
    assert "BadActor" in text
    assert list(display.progress([1, 2], "counting", enabled=True)) == [1, 2]


def test_looking_at_a_database_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(UsageError):
        looking.open_existing(str(tmp_path / "absent.sqlite"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tables", [[], ["bookmarks"], ["schema_versions", "neuron_identity", "reasonforge_heard"]])
def test_looking_at_another_programs_database_leaves_it_as_it_was(tmp_path, tables):
    path = tmp_path / "other.sqlite"
    path.touch()
    with closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (x)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is no validator's database"):
        looking.leaderboard(str(path), None, "")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["other.sqlite"]


def test_looking_reads_boards_and_records(database, tmp_path):
    path = str(tmp_path / "v.sqlite")
    with pytest.raises(EpochError):
        looking.epoch_file(path, None)
    play(database, 1)
    assert looking.leaderboard(path, None, "").epoch == 1
    assert looking.epoch_file(path, None).epoch.epoch == 1
    with pytest.raises(EpochError):
        looking.epoch_file(path, 2)


def test_settings_make_the_backend_that_they_name(monkeypatch):
    def made(**options):
        return make_backend(ReasonforgeMinerSettings(netuid=1, miner=MinerOptions(**options)))

    assert made(backend="symbolic").description.startswith("symbolic")
    assert made(backend="spammer").description.startswith("spammer")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BackendSettingsError, match="OPENAI_API_KEY"):
        made(backend="openai")
    assert made(backend="openai", base_url="http://127.0.0.1:1/v1").description == "openai: gpt-4o"
    monkeypatch.setenv("MY_KEY", "k")
    assert made(backend="openai", api_key_env="MY_KEY").description == "openai: gpt-4o"


def test_the_miners_port_is_the_axons():
    assert ReasonforgeMinerSettings(netuid=1).with_port().axon.port == 8091
    assert ReasonforgeMinerSettings(netuid=1, miner=MinerOptions(port=9)).with_port().axon.port == 9


def test_changed_numbers_change_the_version_of_the_rules():
    assert make_rules(ReasonforgeValidatorSettings(netuid=1)) == DEFAULT
    changed = make_rules(ReasonforgeValidatorSettings(netuid=1, validator=ValidatorOptions(timeout=2.5)))
    assert changed.task_timeout_ms == 2_500
    assert changed.version.startswith("rf-rules-1+")
    assert json.loads(msgspec.json.encode(changed))["trap_rate"] == 0.15
