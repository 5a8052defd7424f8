"""Linear systems over ℚ built from their solution; one in twelve contradicts itself (a trap)."""

from fractions import Fraction

from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {1: (2, 1, 9), 3: (2, 6, 9), 5: (3, 6, 9), 7: (4, 8, 9)}
"""Level → unknowns, largest denominator of the solution, largest absolute coefficient."""

_NAMES = "xyzw"


def _determinant(matrix: list[list[int]]) -> int:
    """Laplace expansion along the first row; orders up to four."""
    if len(matrix) == 1:
        return matrix[0][0]
    return sum(
        (-1) ** column * value * _determinant([row[:column] + row[column + 1 :] for row in matrix[1:]])
        for column, value in enumerate(matrix[0])
        if value
    )


def _equation(coefficients: list[int], right: Fraction) -> str:
    scale = right.denominator
    left = " + ".join(f"({value * scale})*{name}" for value, name in zip(coefficients, _NAMES, strict=False) if value)
    return f"{left} = {right.numerator}"


def draw(source: Draw, level: int) -> Instance:
    """As many equations as unknowns; answer: the one solution in the order of the unknowns, or none."""
    size, largest, bound = _SHAPE[level]
    solution = tuple(Fraction(source.between(-bound, bound), source.between(1, largest)) for _ in range(size))
    while True:
        matrix = [[source.between(-bound, bound) for _ in range(size)] for _ in range(size)]
        if _determinant(matrix) != 0:
            break
    contradicts = source.chance(1, 12)
    if contradicts:
        # The last left side repeats a combination of the others while its right side does not.
        factors = [source.nonzero(-2, 2) for _ in range(size - 1)]
        matrix[-1] = [
            sum(factor * row[column] for factor, row in zip(factors, matrix[:-1], strict=True))
            for column in range(size)
        ]
    rights = [sum((a * x for a, x in zip(row, solution, strict=True)), Fraction(0)) for row in matrix]
    if contradicts:
        rights[-1] += source.nonzero(-bound, bound)
    schema = AnswerSchema(type="none_or_sequence", length=size)
    equations = "; ".join(_equation(row, right) for row, right in zip(matrix, rights, strict=True))
    names = ", ".join(_NAMES[:size])
    return Instance(
        f"Solve over the rational numbers: {equations}. Give [{names}]. If there is no solution, answer none.",
        schema,
        canonical_text(schema, () if contradicts else solution),
    )


FAMILY = Family(
    name="linear_system", title="Linear systems over the rationals", topic="algebra", levels=tuple(_SHAPE), draw=draw
)
