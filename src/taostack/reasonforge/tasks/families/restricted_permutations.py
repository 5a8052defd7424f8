"""Permutations with forbidden positions, counted by a sum over sets of used values."""

from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {2: (6, 2), 4: (7, 3), 6: (8, 3), 8: (10, 4)}
"""Level → length of the permutation, most forbidden values at one position."""


def count(allowed: list[set[int]]) -> int:
    """Permutations of 1 … n that put at position i a value of ``allowed[i]``: ways by set of values used."""
    ways = {0: 1}
    for values in allowed:
        following: dict[int, int] = {}
        for used, number in ways.items():
            for value in values:
                bit = 1 << value
                if not used & bit:
                    following[used | bit] = following.get(used | bit, 0) + number
        ways = following
    return sum(ways.values())


def draw(source: Draw, level: int) -> Instance:
    """Forbidden values for each position; answer: how many permutations respect them."""
    size, most = _SHAPE[level]
    numbers = range(1, size + 1)
    while True:
        forbidden = [sorted(source.sample(numbers, source.between(0, most))) for _ in numbers]
        truth = count([set(numbers) - set(values) for values in forbidden])
        if truth > 0:
            break
    rules = "; ".join(
        f"p({position}) not in {{{', '.join(map(str, values))}}}"
        for position, values in enumerate(forbidden, start=1)
        if values
    )
    conditions = f"that satisfy: {rules}" if rules else "without further conditions"
    return Instance(
        f"How many permutations p of the numbers 1 to {size} are there {conditions}?",
        AnswerSchema(type="exact_int"),
        str(truth),
    )


FAMILY = Family(
    name="restricted_permutations",
    title="Permutations with forbidden positions",
    topic="combinatorics",
    levels=tuple(_SHAPE),
    draw=draw,
)
