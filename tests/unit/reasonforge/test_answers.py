from fractions import Fraction

import pytest

from taostack.reasonforge.errors import AnswerError
from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text, check_answer, parse_answer

INT = AnswerSchema(type="exact_int")
RATIONAL = AnswerSchema(type="rational")
REAL = AnswerSchema(type="real_tol", absolute=0.01, relative=0.001, unit="m")
POLYNOMIAL = AnswerSchema(type="polynomial", variable="x")
SET = AnswerSchema(type="set")
NONE_OR_SET = AnswerSchema(type="none_or_set")
SEQUENCE = AnswerSchema(type="sequence", length=2)
NONE_OR_SEQUENCE = AnswerSchema(type="none_or_sequence", length=2)
CHOICE = AnswerSchema(type="choice", options=("yes", "no"))


@pytest.mark.parametrize(
    ("schema", "text", "canonical"),
    [
        (INT, " -42\n", "-42"),
        (RATIONAL, "4/6", "2/3"),
        (RATIONAL, "-8/4", "-2"),
        (REAL, "1e-3", "0.001"),
        (POLYNOMIAL, "1/2 - 2x + x**3", "x^3 - 2*x + 1/2"),
        (POLYNOMIAL, "-x^2 + 0x", "-x^2"),
        (POLYNOMIAL, "x - x", "0"),
        (POLYNOMIAL, "3", "3"),
        (SET, "{156, 23}", "{23, 156}"),
        (NONE_OR_SET, "none", "none"),
        (NONE_OR_SET, "{0}", "{0}"),
        (SEQUENCE, "[1,-2/4]", "[1, -1/2]"),
        (NONE_OR_SEQUENCE, "none", "none"),
        (CHOICE, "yes", "yes"),
    ],
)
def test_an_answer_has_one_canonical_text(schema, text, canonical):
    assert canonical_text(schema, parse_answer(schema, text)) == canonical
    assert check_answer(schema, canonical, text) == 1.0


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (INT, ""),
        (INT, "-0"),
        (INT, "007"),
        (INT, "+1"),
        (INT, "1_000"),
        (INT, "1e3"),
        (INT, "٣"),
        (INT, "４２"),
        (INT, "the answer is 42"),
        (INT, "9" * 1_002),
        (INT, "9**9**9"),
        (INT, "__import__('os').system('true')"),
        (INT, "1\x00"),
        (RATIONAL, "1/0"),
        (RATIONAL, "1/-2"),
        (RATIONAL, "-0"),
        (RATIONAL, "0.5"),
        (RATIONAL, "1" * 2_001),
        (REAL, "nan"),
        (REAL, "inf"),
        (REAL, "1e999"),
        (REAL, "0x10"),
        (POLYNOMIAL, ""),
        (POLYNOMIAL, "y^2"),
        (POLYNOMIAL, "x^65"),
        (POLYNOMIAL, "x^"),
        (POLYNOMIAL, "x x"),
        (POLYNOMIAL, "1/0*x"),
        (POLYNOMIAL, "+".join(["x"] * 300)),
        (SET, "{}"),
        (SET, "{1, 1}"),
        (SET, "none"),
        (SET, "[1]"),
        (SET, "{" + ",".join(map(str, range(300))) + "}"),
        (NONE_OR_SET, "None"),
        (SEQUENCE, "[1]"),
        (SEQUENCE, "[1, 2, 3]"),
        (SEQUENCE, "[[1], 2]"),
        (SEQUENCE, "["),
        (CHOICE, "maybe"),
        (INT, "1" * 10_001),
    ],
)
def test_an_answer_that_is_not_in_form_is_refused_and_scores_zero(schema, text):
    with pytest.raises(AnswerError):
        parse_answer(schema, text)
    truth = {"choice": "no", "set": "{7}", "none_or_set": "{7}", "sequence": "[7, 7]"}.get(schema.type, "7")
    assert check_answer(schema, truth, text) == 0.0


def test_reals_are_compared_within_the_larger_tolerance():
    assert check_answer(REAL, "100.0", "100.09") == 1.0
    assert check_answer(REAL, "100.0", "100.11") == 0.0
    assert check_answer(REAL, "0.0", "0.009") == 1.0


def test_values_are_compared_not_texts():
    assert check_answer(RATIONAL, "1/2", "2/4") == 1.0
    assert check_answer(RATIONAL, "1/2", "1/3") == 0.0


@pytest.mark.parametrize(
    "schema", [INT, RATIONAL, REAL, POLYNOMIAL, SET, NONE_OR_SET, SEQUENCE, NONE_OR_SEQUENCE, CHOICE]
)
def test_every_form_tells_a_solver_what_to_write(schema):
    assert schema.hint().startswith("Answer with")


def test_the_canonical_text_of_plain_values():
    assert canonical_text(RATIONAL, Fraction(3)) == "3"
    assert canonical_text(POLYNOMIAL, (Fraction(0), Fraction(-1))) == "-x"
