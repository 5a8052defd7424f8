"""Simultaneous congruences: the truth is drawn first and the residues follow from it."""

import math

from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {2: (2, 12, 60), 4: (3, 12, 80), 6: (4, 20, 200), 8: (6, 100, 2_000)}
"""Level → number of congruences, smallest and largest modulus."""


def _moduli(source: Draw, count: int, low: int, high: int) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < count:
        candidate = source.between(low, high)
        if all(math.gcd(candidate, other) == 1 for other in chosen):
            chosen.append(candidate)
    return chosen


def draw(source: Draw, level: int) -> Instance:
    """Pairwise coprime moduli; answer: the one solution below their product."""
    moduli = _moduli(source, *_SHAPE[level])
    truth = source.below(math.prod(moduli))
    congruences = ", ".join(f"x ≡ {truth % modulus} (mod {modulus})" for modulus in moduli)
    return Instance(
        f"Find the smallest non-negative integer x that satisfies all of: {congruences}.",
        AnswerSchema(type="exact_int"),
        str(truth),
    )


FAMILY = Family(
    name="chinese_remainder", title="Simultaneous congruences", topic="algebra", levels=tuple(_SHAPE), draw=draw
)
