"""Integrals of polynomial times decaying exponential over the half line: ∫ xᵏe⁻ᵃˣ = k!/aᵏ⁺¹."""

import math
from fractions import Fraction

from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text
from taostack.reasonforge.tasks.answers.types import polynomial_text
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {3: (1, 3, 12), 5: (1, 4, 12), 7: (2, 4, 15), 9: (3, 6, 20)}
"""Level → summands, highest power of x, largest rate and coefficient."""


def draw(source: Draw, level: int) -> Instance:
    """A sum of (polynomial)·e^(−a·x); answer: its integral from 0 to infinity, a rational number."""
    summands, degree, bound = _SHAPE[level]
    rates = source.sample(range(2, bound + 1), summands)
    pieces = []
    truth = Fraction(0)
    for rate in rates:
        row = [source.between(-bound, bound) for _ in range(degree)] + [source.nonzero(-bound, bound)]
        pieces.append(f"({polynomial_text(tuple(map(Fraction, row)), 'x')})*exp(-{rate}*x)")
        truth += sum(
            (Fraction(value * math.factorial(power), rate ** (power + 1)) for power, value in enumerate(row)),
            Fraction(0),
        )
    schema = AnswerSchema(type="rational")
    return Instance(
        f"Compute the integral of {' + '.join(pieces)} over x from 0 to infinity.",
        schema,
        canonical_text(schema, truth),
    )


FAMILY = Family(name="improper_integral", title="Improper integrals", topic="calculus", levels=tuple(_SHAPE), draw=draw)
