"""Nothing that a stranger writes raises anything but the error that is meant for it."""

import contextlib
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from taostack.reasonforge import protocol
from taostack.reasonforge.backends import solvers
from taostack.reasonforge.errors import AnswerError, StatementError
from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text, check_answer, parse_answer
from taostack.reasonforge.tasks.claims import holds

SCHEMAS = st.sampled_from(
    [
        AnswerSchema(type="exact_int"),
        AnswerSchema(type="rational"),
        AnswerSchema(type="real_tol", absolute=0.1),
        AnswerSchema(type="polynomial", variable="x"),
        AnswerSchema(type="set"),
        AnswerSchema(type="none_or_set"),
        AnswerSchema(type="sequence", length=2),
        AnswerSchema(type="none_or_sequence", length=2),
        AnswerSchema(type="choice", options=("a", "b")),
    ]
)
FORMS = st.text("0123456789+-*/^x{}[], .()e=none", max_size=60)
rationals = st.fractions(max_denominator=10**6)


@given(SCHEMAS, FORMS | st.text(max_size=60))
def test_an_answer_is_read_or_refused(schema, text):
    try:
        value = parse_answer(schema, text)
    except AnswerError:
        assert check_answer(schema, "1" if schema.type in ("exact_int", "rational") else _truth(schema), text) == 0
        return
    canonical = canonical_text(schema, value)
    assert parse_answer(schema, canonical) == value
    assert check_answer(schema, canonical, text) == 1


def _truth(schema):
    return {
        "real_tol": "1",
        "polynomial": "x",
        "set": "{1}",
        "none_or_set": "{1}",
        "sequence": "[1, 1]",
        "none_or_sequence": "[1, 1]",
        "choice": "a",
    }[schema.type]


@given(st.lists(rationals, min_size=1, max_size=8))
def test_polynomials_come_back_from_their_text(coefficients):
    schema = AnswerSchema(type="polynomial", variable="x")
    while len(coefficients) > 1 and coefficients[-1] == 0:
        coefficients.pop()
    value = tuple(map(Fraction, coefficients))
    assert parse_answer(schema, canonical_text(schema, value)) == value


@given(FORMS | st.text(max_size=80))
def test_a_claim_holds_or_does_not(text):
    assert holds(text) in (True, False)


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_true_sums_hold_and_false_ones_do_not(first, second):
    assert holds(f"({first}) + ({second}) = {first + second}")
    assert not holds(f"({first}) + ({second}) = {first + second + 1}")


STATEMENTS = st.sampled_from(
    [
        "Find the smallest non-negative integer x that satisfies all of: {}.",
        "Compute the characteristic polynomial det(l*I - A) of the matrix A = [{}].",
        "Compute the integral of {} over x from 0 to infinity.",
        "How many permutations p of the numbers 1 to 7 are there {}?",
        "A sequence is given by {} and F(n) = {} for n >= 2. Compute F(9) modulo 7, as a number from 0 to 6.",
        "Solve over the rational numbers: {}. Give [x, y]. If there is no solution, answer none.",
        "How many paths lead from (0, 0) to (9, 9) when each step adds 1 to one coordinate "
        "and the points {} must not be visited?",
    ]
)


@given(STATEMENTS, st.text("0123456789(),[]{} x^*+-=≡mod;Fn/", max_size=80), SCHEMAS)
def test_a_hostile_statement_is_solved_or_refused(frame, inside, schema):
    with contextlib.suppress(StatementError):
        solvers.solve(frame.replace("{}", inside), schema)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_bytes_are_a_reply_or_refused(data):
    with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
        reply = protocol.REASON.reply_codec.decode(data, "application/json")
        assert isinstance(reply, protocol.ReasoningReply)
