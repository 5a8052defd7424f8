import random

import pytest

from taostack.process.clock import ManualClock
from taostack.reasonforge import protocol
from taostack.reasonforge.backends import solvers
from taostack.reasonforge.backends.base import Solution
from taostack.reasonforge.backends.dishonest import CopierBackend, Grapevine, SpammerBackend, TalkativeBackend
from taostack.reasonforge.backends.symbolic import SymbolicBackend, _spoiled
from taostack.reasonforge.errors import BackendSettingsError, StatementError
from taostack.reasonforge.tasks import registry
from taostack.reasonforge.tasks.answers import AnswerSchema, check_answer, parse_answer

SEED = b"b" * 32


def tasks(hotkey="miner", *, count=40):
    for number in range(count):
        for slot in registry.plan(number.to_bytes(32, "big")):
            yield registry.task_for(SEED, slot, epoch=number, hotkey=hotkey)


def public(task):
    return protocol.public(task, "commitment")


def right(task, solution):
    return check_answer(task.schema, task.truth, solution.final_answer) == 1


async def test_the_symbolic_backend_solves_everything_when_it_is_told_to_make_no_mistakes():
    backend = SymbolicBackend(random.Random(1))
    await backend.open()
    assert all([right(task, await backend.solve(public(task))) for task in tasks(count=4)])
    await backend.close()
    assert backend.description.startswith("symbolic")


async def test_its_mistakes_come_at_their_rate_more_often_in_hard_tasks_and_in_the_right_form():
    backend = SymbolicBackend(random.Random(1), error_rate=0.3)
    outcomes = {"easy": [], "hard": []}
    for task in tasks():
        solution = await backend.solve(public(task))
        parse_answer(task.schema, solution.final_answer)
        outcomes["easy" if task.difficulty <= 4 else "hard"].append(right(task, solution))
    rates = {name: 1 - sum(found) / len(found) for name, found in outcomes.items()}
    assert 0.08 < rates["easy"] < 0.27
    assert 0.3 < rates["hard"] < 0.5


async def test_the_same_generator_makes_the_same_mistakes_in_any_order():
    some = list(tasks(count=2))
    first = {task.task_id: await SymbolicBackend(random.Random(9), error_rate=0.5).solve(public(task)) for task in some}
    backend = SymbolicBackend(random.Random(9), error_rate=0.5)
    for task in reversed(some):
        assert await backend.solve(public(task)) == first[task.task_id]


async def test_it_thinks_as_long_as_it_is_told_to():
    clock = ManualClock(autojump=True)
    backend = SymbolicBackend(random.Random(1), clock=clock, think_seconds=10)
    task = next(tasks())
    await backend.solve(public(task))
    assert 0.7 <= clock.monotonic() / (10 * task.difficulty / 5) <= 1.3


@pytest.mark.parametrize("settings", [{"error_rate": 1.5}, {"error_rate": -1}, {"think_seconds": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(BackendSettingsError):
        SymbolicBackend(random.Random(1), **settings)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "What is the meaning of life?",
        "Find the smallest non-negative integer x that satisfies all of: nothing.",
        "Find the smallest non-negative integer x that satisfies all of: x ≡ 1 (mod 4), x ≡ 1 (mod 6).",
        "Compute the characteristic polynomial det(l*I - A) of the matrix A = [[1, 2]].",
        "Compute the characteristic polynomial det(l*I - A) of the matrix A = [[1, 2].",
        f"Compute the characteristic polynomial det(l*I - A) of the matrix A = [[{'9' * 5_000}]].",
        "Compute the characteristic polynomial det(l*I - A) of the matrix A = " + "[" * 3_000 + "].",
        "Compute the integral of (x)*exp(-0*x) over x from 0 to infinity.",
        "Compute the integral of (y^2)*exp(-3*x) over x from 0 to infinity.",
        "Compute the integral of nothing over x from 0 to infinity.",
        "How many permutations p of the numbers 1 to 99 are there without further conditions?",
        "How many permutations p of the numbers 1 to 3 are there that satisfy: p(1) not in {9}?",
        "A sequence is given by F(0) = 1 and F(n) = 0 for n >= 1. Compute F(5) modulo 7, as a number from 0 to 6.",
        "Find all integers x with 0 <= x < 12 and x^2 ≡ 4 (mod 12). If there are none, answer none.",
        "Solve over the rational numbers: (1)*x = y. Give [x]. If there is no solution, answer none.",
        "Solve over the rational numbers: (1)*x + (1)*y = 1; (2)*x + (2)*y = 2. Give [x, y]. "
        "If there is no solution, answer none.",
        "How many paths lead from (0, 0) to (9999, 9999) when each step adds 1 to one coordinate "
        "and the points (1, 1) must not be visited?",
    ],
)
def test_statements_that_cannot_be_read_or_are_out_of_bounds_are_refused(statement):
    with pytest.raises(StatementError):
        solvers.solve(statement, AnswerSchema(type="exact_int"))


def test_a_permutation_without_conditions_is_counted():
    statement = "How many permutations p of the numbers 1 to 5 are there without further conditions?"
    assert solvers.solve(statement, AnswerSchema(type="exact_int")).final_answer == "120"


async def test_a_copier_replays_what_fits_best_and_is_wrong_about_its_own_variant():
    grapevine = Grapevine()
    honest = TalkativeBackend(SymbolicBackend(random.Random(1)), grapevine)
    await honest.open()
    copier = CopierBackend(grapevine)
    await copier.open()
    mine = [task for task in tasks("copier", count=8) if task.truth != "none"]
    assert await copier.solve(public(mine[0])) == Solution("")
    for task in tasks("honest", count=8):
        await honest.solve(public(task))
    hits = [right(task, await copier.solve(public(task))) for task in mine]
    assert sum(hits) / len(hits) < 0.05
    await copier.close()
    await honest.close()
    assert honest.description.startswith("symbolic")


async def test_a_spammer_is_quick_confident_and_wrong():
    spammer = SpammerBackend(random.Random(1))
    await spammer.open()
    outcomes = []
    for task in tasks(count=10):
        solution = await spammer.solve(public(task))
        assert len(solution.steps) == task.difficulty
        outcomes.append(right(task, solution))
    await spammer.close()
    assert sum(outcomes) / len(outcomes) < 0.05


@pytest.mark.parametrize(
    "schema",
    [AnswerSchema(type="choice", options=("yes", "no")), AnswerSchema(type="set"), AnswerSchema(type="rational")],
)
def test_a_spammer_has_an_answer_in_every_form(schema):
    parse_answer(schema, SpammerBackend(random.Random(1))._guess(schema))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (AnswerSchema(type="choice", options=("yes", "no")), "yes"),
        (AnswerSchema(type="none_or_set"), "none"),
        (AnswerSchema(type="none_or_sequence", length=2), "none"),
        (AnswerSchema(type="set"), "{1}"),
        (AnswerSchema(type="polynomial", variable="x"), "x^2"),
        (AnswerSchema(type="real_tol", absolute=0.1), "2.5"),
    ],
)
def test_a_slip_of_the_pen_stays_in_form_and_is_wrong(schema, text):
    for seed in range(20):
        spoiled = _spoiled(Solution(text), schema, random.Random(seed))
        assert check_answer(schema, text, spoiled.final_answer) == 0
        parse_answer(schema, spoiled.final_answer)
    assert _spoiled(Solution("nonsense"), schema, random.Random(0)) == Solution("")
