"""The forms an answer may have, and their strict parsers.

An answer stands in a field of its own and is read by a grammar, never mined
from prose and never evaluated. Length, digits, exponents and counts are
bounded before anything is converted; only ASCII is accepted, so look-alike
digits of other scripts are refused.

| type | canonical text | value |
|---|---|---|
| ``exact_int`` | ``-42`` | int |
| ``rational`` | ``-3/7``, ``5`` | Fraction |
| ``real_tol`` | ``3.25``, ``1e-3`` | float, compared within the schema's tolerance |
| ``polynomial`` | ``x^3 - 29*x + 1/2`` | tuple of Fractions, lowest power first |
| ``set`` | ``{23, 156}`` | frozenset of ints |
| ``none_or_set`` | ``none`` or a set | frozenset (empty: none) |
| ``sequence`` | ``[1, -2/3]`` | tuple of Fractions |
| ``none_or_sequence`` | ``none`` or a sequence | tuple (empty: none) |
| ``choice`` | one of the schema's options | str |
"""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import msgspec

from taostack.reasonforge.errors import AnswerError

AnswerType = Literal[
    "exact_int",
    "rational",
    "real_tol",
    "polynomial",
    "set",
    "none_or_set",
    "sequence",
    "none_or_sequence",
    "choice",
]
Value = int | Fraction | float | str | frozenset[int] | tuple[Fraction, ...]

MAX_CHARACTERS = 10_000
MAX_DIGITS = 1_000
MAX_ITEMS = 256
MAX_EXPONENT = 64

_INT = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_RATIONAL = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:/([1-9][0-9]*))?", re.ASCII)
_REAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_TERM = re.compile(
    r"\s*([+-])?\s*(?:([0-9]+(?:/[0-9]+)?)\s*(?:\*?\s*([A-Za-z])(?:\s*(?:\^|\*\*)\s*([0-9]{1,3}))?)?"
    r"|([A-Za-z])(?:\s*(?:\^|\*\*)\s*([0-9]{1,3}))?)\s*",
    re.ASCII,
)


class AnswerSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What form an answer has; travels with the task.

    ``variable`` for polynomials; ``length`` for sequences; ``options`` for
    choices; ``absolute`` and ``relative`` tolerance and ``unit`` for reals.
    """

    type: AnswerType
    variable: str = ""
    length: int = 0
    options: tuple[str, ...] = ()
    absolute: float = 0.0
    relative: float = 0.0
    unit: str = ""

    def hint(self) -> str:
        """One sentence that tells a solver what to write."""
        match self.type:
            case "exact_int":
                return "Answer with one integer in decimal digits, for example -42."
            case "rational":
                return "Answer with one rational number p/q in lowest terms, or an integer, for example -3/7."
            case "real_tol":
                return f"Answer with one decimal number{f' in {self.unit}' if self.unit else ''}, for example 3.25."
            case "polynomial":
                v = self.variable
                return f"Answer with a polynomial in {v}, expanded, for example {v}^3 - 2*{v} + 1/2."
            case "set":
                return "Answer with a set of integers, for example {3, 8}."
            case "none_or_set":
                return "Answer with a set of integers, for example {3, 8}, or with the word none."
            case "sequence":
                return f"Answer with a list of {self.length} rational numbers, for example [1, -2/3]."
            case "none_or_sequence":
                return f"Answer with a list of {self.length} rational numbers, for example [1, -2/3], or the word none."
            case "choice":
                return f"Answer with exactly one of: {', '.join(self.options)}."


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS + 1:
        raise AnswerError(f"a number had {len(text)} digits, more than {MAX_DIGITS}")
    if not _INT.fullmatch(text) or text == "-0":
        raise AnswerError("the text was not an integer in canonical form")
    return int(text)


def _rational(text: str) -> Fraction:
    if len(text) > 2 * MAX_DIGITS:
        raise AnswerError(f"a number had more than {MAX_DIGITS} digits")
    match = _RATIONAL.fullmatch(text)
    if match is None or match[1] == "-0":
        raise AnswerError("the text was not a rational number p/q")
    return Fraction(_integer(match[1]), _integer(match[2]) if match[2] else 1)


def _real(text: str) -> float:
    if not _REAL.fullmatch(text):
        raise AnswerError("the text was not a decimal number")
    value = float(text)
    if not math.isfinite(value):
        raise AnswerError("the number was not finite")
    return value


def _items(text: str, opening: str, closing: str) -> list[str]:
    if len(text) < 2 or text[0] != opening or text[-1] != closing:
        raise AnswerError(f"the text was not a list between {opening} and {closing}")
    inner = text[1:-1].strip(" ")
    if not inner:
        return []
    if inner.count(",") >= MAX_ITEMS:
        raise AnswerError(f"the list had more than {MAX_ITEMS} items")
    return [item.strip(" ") for item in inner.split(",")]


def _integer_set(text: str) -> frozenset[int]:
    items = [_integer(item) for item in _items(text, "{", "}")]
    if not items:
        raise AnswerError("the set was empty", remedy="write none where the schema allows it")
    if len(set(items)) != len(items):
        raise AnswerError("the set named a number twice")
    return frozenset(items)


def _sequence(text: str, length: int) -> tuple[Fraction, ...]:
    items = tuple(_rational(item) for item in _items(text, "[", "]"))
    if len(items) != length:
        raise AnswerError(f"the list had {len(items)} items, the schema asks for {length}")
    return items


def _polynomial(text: str, variable: str) -> tuple[Fraction, ...]:
    powers: dict[int, Fraction] = {}
    position = 0
    terms = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or (match[1] is None and position > 0):
            raise AnswerError(f"the polynomial could not be read at character {position}")
        terms += 1
        if terms > MAX_ITEMS:
            raise AnswerError(f"the polynomial had more than {MAX_ITEMS} terms")
        position = match.end()
        letter = match[3] or match[5]
        if letter is not None and letter != variable:
            raise AnswerError(f"the polynomial used {letter!r}, the schema says {variable!r}")
        exponent = int(match[4] or match[6] or 1) if letter else 0
        if exponent > MAX_EXPONENT:
            raise AnswerError(f"an exponent was above {MAX_EXPONENT}")
        size = _rational(match[2]) if match[2] else Fraction(1)
        powers[exponent] = powers.get(exponent, Fraction(0)) + (-size if match[1] == "-" else size)
    if not terms:
        raise AnswerError("the polynomial was empty")
    return _trimmed([powers.get(power, Fraction(0)) for power in range(max(powers) + 1)])


def _trimmed(coefficients: list[Fraction]) -> tuple[Fraction, ...]:
    while len(coefficients) > 1 and coefficients[-1] == 0:
        coefficients.pop()
    return tuple(coefficients)


def _choice(text: str, options: tuple[str, ...]) -> str:
    if text not in options:
        raise AnswerError("the text was not one of the options")
    return text


_PARSERS: dict[AnswerType, Callable[[str, AnswerSchema], Value]] = {
    "exact_int": lambda text, schema: _integer(text),
    "rational": lambda text, schema: _rational(text),
    "real_tol": lambda text, schema: _real(text),
    "polynomial": lambda text, schema: _polynomial(text, schema.variable),
    "set": lambda text, schema: _integer_set(text),
    "none_or_set": lambda text, schema: frozenset() if text == "none" else _integer_set(text),
    "sequence": lambda text, schema: _sequence(text, schema.length),
    "none_or_sequence": lambda text, schema: () if text == "none" else _sequence(text, schema.length),
    "choice": lambda text, schema: _choice(text, schema.options),
}


def parse_answer(schema: AnswerSchema, text: str) -> Value:
    """The value that ``text`` says; blanks around it are allowed.

    Raises ``AnswerError`` for anything that is not in the schema's form or
    beyond its bounds. Never evaluates, never takes longer than its length.
    """
    if len(text) > MAX_CHARACTERS:
        raise AnswerError(f"the answer had {len(text)} characters, more than {MAX_CHARACTERS}")
    if not text.isascii():
        raise AnswerError("the answer held characters outside ASCII")
    return _PARSERS[schema.type](text.strip(" \t\r\n"), schema)


def _rational_text(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def polynomial_text(coefficients: tuple[Fraction, ...], variable: str) -> str:
    """Canonical text of a polynomial given lowest power first: ``x^3 - 2*x + 1/2``."""
    text = ""
    for power in range(len(coefficients) - 1, -1, -1):
        value = coefficients[power]
        if value == 0:
            continue
        size = _rational_text(abs(value))
        letter = "" if power == 0 else variable if power == 1 else f"{variable}^{power}"
        term = size if not letter else letter if size == "1" else f"{size}*{letter}"
        sign = "-" if value < 0 else "+"
        text += f" {sign} {term}" if text else f"-{term}" if value < 0 else term
    return text or "0"


def canonical_text(schema: AnswerSchema, value: Value) -> str:
    """The one canonical text of a value: what ``truth`` and signatures hold."""
    match value:
        case Fraction():
            return _rational_text(value)
        case frozenset():
            return "{" + ", ".join(str(item) for item in sorted(value)) + "}" if value else "none"
        case tuple() if schema.type == "polynomial":
            return polynomial_text(value, schema.variable)
        case tuple():
            return "[" + ", ".join(_rational_text(item) for item in value) + "]" if value else "none"
        case float():
            return repr(value)
        case _:
            return str(value)


def check_answer(schema: AnswerSchema, truth: str, answer: str) -> float:
    """1.0 when ``answer`` says the same value as ``truth``, else 0.0; what cannot be read is wrong.

    ``real_tol`` compares within max(absolute, relative·|truth|).
    """
    expected = parse_answer(schema, truth)
    try:
        given = parse_answer(schema, answer)
    except AnswerError:
        return 0.0
    if schema.type == "real_tol":
        reference, value = float(truth), float(answer)
        return 1.0 if abs(value - reference) <= max(schema.absolute, schema.relative * abs(reference)) else 0.0
    return 1.0 if given == expected else 0.0
