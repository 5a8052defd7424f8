"""A far term of a linear recurrence modulo m, by powers of the companion matrix."""

from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {3: (2, 10**3, 997), 5: (2, 10**9, 10_007), 7: (2, 10**12, 1_000_000_007), 9: (3, 10**15, 998_244_353)}
"""Level → order, size of the index, modulus."""

Matrix = list[list[int]]


def _product(first: Matrix, second: Matrix, modulus: int) -> Matrix:
    columns = list(zip(*second, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) % modulus for column in columns] for row in first]


def term(factors: list[int], start: list[int], index: int, modulus: int) -> int:
    """F(index) where F(n) = Σ factors[i]·F(n−1−i) and F(0 …) = ``start``, modulo ``modulus``."""
    order = len(factors)
    power: Matrix = [[int(row == column) for column in range(order)] for row in range(order)]
    base: Matrix = [list(factors), *[[int(row == column) for column in range(order)] for row in range(order - 1)]]
    remaining = index
    while remaining:
        if remaining & 1:
            power = _product(power, base, modulus)
        base = _product(base, base, modulus)
        remaining >>= 1
    # The state is (F(n+k−1), …, F(n)); its last component is the term asked for.
    return sum(a * b for a, b in zip(power[-1], reversed(start), strict=True)) % modulus


def draw(source: Draw, level: int) -> Instance:
    """Coefficients, first terms and a far index; answer: the term modulo m."""
    order, reach, modulus = _SHAPE[level]
    factors = [source.nonzero(-9, 9) for _ in range(order)]
    start = [source.between(0, 20) for _ in range(order - 1)] + [source.between(1, 20)]
    index = source.between(reach // 2, reach)
    first = ", ".join(f"F(0) = {value}" if n == 0 else f"F({n}) = {value}" for n, value in enumerate(start))
    right = " + ".join(f"({value})*F(n-{n})" for n, value in enumerate(factors, start=1))
    return Instance(
        f"A sequence is given by {first} and F(n) = {right} for n >= {order}. "
        f"Compute F({index}) modulo {modulus}, as a number from 0 to {modulus - 1}.",
        AnswerSchema(type="exact_int"),
        str(term(factors, start, index, modulus)),
    )


FAMILY = Family(
    name="linear_recurrence",
    title="Linear recurrences modulo m",
    topic="number theory",
    levels=tuple(_SHAPE),
    draw=draw,
)
