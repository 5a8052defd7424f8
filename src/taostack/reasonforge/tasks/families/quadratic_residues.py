"""Square roots modulo a prime or a product of two; one question in twelve has none (a trap)."""

import math

from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {2: (1, 100, 1_500), 4: (1, 2_000, 20_000), 6: (2, 30, 150), 8: (2, 200, 900)}
"""Level → number of prime factors, smallest and largest prime."""


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _prime(source: Draw, low: int, high: int) -> int:
    while True:
        candidate = source.between(low, high)
        if candidate > 2 and _is_prime(candidate):
            return candidate


def _joined(residues: list[int], primes: list[int]) -> int:
    """The number below the product that has the given residues."""
    modulus = math.prod(primes)
    return (
        sum(
            residue * (modulus // prime) * pow(modulus // prime, -1, prime)
            for residue, prime in zip(residues, primes, strict=True)
        )
        % modulus
    )


def draw(source: Draw, level: int) -> Instance:
    """A modulus and a number; answer: all square roots, or none."""
    count, low, high = _SHAPE[level]
    primes: list[int] = []
    while len(primes) < count:
        candidate = _prime(source, low, high)
        if candidate not in primes:
            primes.append(candidate)
    modulus = math.prod(primes)
    roots = [source.between(1, prime - 1) for prime in primes]
    squares = [root * root % prime for root, prime in zip(roots, primes, strict=True)]
    truth: frozenset[int] = frozenset()
    if source.chance(1, 12):
        # One factor gets a non-residue (Euler's criterion), so the whole has no root.
        while pow(squares[0], (primes[0] - 1) // 2, primes[0]) == 1:
            squares[0] = source.between(2, primes[0] - 1)
    else:
        signs = [[root, prime - root] for root, prime in zip(roots, primes, strict=True)]
        pairs = [[first] for first in signs[0]]
        for options in signs[1:]:
            pairs = [[*pair, option] for pair in pairs for option in options]
        truth = frozenset(_joined(pair, primes) for pair in pairs)
    schema = AnswerSchema(type="none_or_set")
    return Instance(
        f"Find all integers x with 0 <= x < {modulus} and x^2 ≡ {_joined(squares, primes)} (mod {modulus}). "
        "If there are none, answer none.",
        schema,
        canonical_text(schema, truth),
    )


FAMILY = Family(
    name="quadratic_residues",
    title="Square roots modulo m",
    topic="number theory",
    levels=tuple(_SHAPE),
    draw=draw,
)
