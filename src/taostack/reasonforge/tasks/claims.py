"""Claims: exact equations that a step asserts and that a validator can check (section 9.3).

    17 * 23 = 391
    3^100 = 4 (mod 7)
    1/3 + 1/6 = 1/2

Read by a small grammar, never evaluated as code; characters, depth, operations
and size of every intermediate number are bounded. A claim that cannot be read
or exceeds a bound is false.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from taostack.reasonforge.errors import AnswerError
from taostack.reasonforge.tasks.seeds import Draw

MAX_CHARACTERS = 2_000
MAX_DEPTH = 24
MAX_BITS = 4_096
MAX_OPERATIONS = 200

_TOKEN = re.compile(r"\s*(?:([0-9]{1,300})|([-+*/^()=]))", re.ASCII)
_MODULUS = re.compile(r"\s*\(mod ([1-9][0-9]{0,299})\)\s*$", re.ASCII)


class ClaimCount(NamedTuple):
    """How many claims were looked at and how many of them hold."""

    checked: int
    true: int


class _Reader:
    """Recursive descent over the tokens; over ℚ, or over ℤ/m where a modulus is named."""

    def __init__(self, text: str, modulus: int) -> None:
        self._modulus = modulus
        self._operations = 0
        self._tokens: list[str] = []
        position = 0
        text = text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise AnswerError(f"the claim could not be read at character {position}")
            self._tokens.append(match[1] or match[2])
            position = match.end()
        self._next = 0

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _bounded(self, value: Fraction) -> Fraction:
        self._operations += 1
        if self._operations > MAX_OPERATIONS:
            raise AnswerError(f"the claim had more than {MAX_OPERATIONS} operations")
        if self._modulus:
            return Fraction(int(value) % self._modulus)
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
            raise AnswerError(f"a number in the claim had more than {MAX_BITS} bits")
        return value

    def equation(self) -> bool:
        left = self._sum(0)
        if self._take() != "=":
            raise AnswerError("the claim was not an equation")
        right = self._sum(0)
        if self._next != len(self._tokens):
            raise AnswerError("the claim went on after its right side")
        return left == right

    def _sum(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise AnswerError(f"the claim was nested deeper than {MAX_DEPTH}")
        value = self._product(depth)
        while self._peek() in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = self._bounded(value + sign * self._product(depth))
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._signed(depth)
        while self._peek() in ("*", "/"):
            if self._take() == "*":
                value = self._bounded(value * self._signed(depth))
                continue
            divisor = self._signed(depth)
            if self._modulus or divisor == 0:
                raise AnswerError("the claim divided by zero or under a modulus")
            value = self._bounded(value / divisor)
        return value

    def _signed(self, depth: int) -> Fraction:
        negative = False
        while self._peek() == "-":
            self._take()
            negative = not negative
        value = self._power(depth)
        return self._bounded(-value) if negative else value

    def _power(self, depth: int) -> Fraction:
        value = self._atom(depth)
        if self._peek() != "^":
            return value
        self._take()
        exponent_text = self._take()
        if not exponent_text.isdigit():
            raise AnswerError("an exponent was not a whole number")
        exponent = int(exponent_text)
        if self._modulus:
            return self._bounded(Fraction(pow(int(value), exponent, self._modulus)))
        size = max(value.numerator.bit_length(), value.denominator.bit_length())
        if size * exponent > MAX_BITS:
            raise AnswerError(f"a power in the claim had more than {MAX_BITS} bits")
        return self._bounded(value**exponent)

    def _atom(self, depth: int) -> Fraction:
        token = self._take()
        if token == "(":  # noqa: S105 - a bracket
            value = self._sum(depth + 1)
            if self._take() != ")":
                raise AnswerError("a bracket in the claim was not closed")
            return value
        if not token.isdigit():
            raise AnswerError("the claim lacked a number")
        return self._bounded(Fraction(int(token)))


def holds(claim: str) -> bool:
    """Whether the equation is true; what cannot be read, or is too big, is not."""
    if len(claim) > MAX_CHARACTERS or not claim.isascii():
        return False
    modulus = _MODULUS.search(claim)
    try:
        if modulus is None:
            return _Reader(claim, 0).equation()
        return _Reader(claim[: modulus.start()], int(modulus[1])).equation()
    except AnswerError:
        return False


def count_true(claims: Sequence[str], *, seed: bytes, most: int) -> ClaimCount:
    """Check all claims, or ``most`` of them sampled by ``seed`` when there are more."""
    chosen = claims if len(claims) <= most else Draw(seed).sample(claims, most)
    return ClaimCount(len(chosen), sum(holds(claim) for claim in chosen))
