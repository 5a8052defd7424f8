"""Characteristic polynomials of integer matrices, by Faddeev and LeVerrier."""

from fractions import Fraction

from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {3: (2, 20), 5: (3, 9), 7: (4, 9), 9: (5, 12)}
"""Level → order of the matrix, largest absolute entry."""

Matrix = list[list[int]]


def _product(first: Matrix, second: Matrix) -> Matrix:
    columns = list(zip(*second, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in first]


def coefficients(matrix: Matrix) -> list[int]:
    """Of det(l·I − A), lowest power first, by the trace recursion of Faddeev and LeVerrier."""
    size = len(matrix)
    found = [1]
    accumulated: Matrix = [[0] * size for _ in range(size)]
    for step in range(1, size + 1):
        for index in range(size):
            accumulated[index][index] += found[-1]
        accumulated = _product(matrix, accumulated)
        trace = sum(accumulated[index][index] for index in range(size))
        found.append(-trace // step)
    return found[::-1]


def draw(source: Draw, level: int) -> Instance:
    """An integer matrix A; answer: det(l·I − A) as a polynomial in l."""
    size, bound = _SHAPE[level]
    matrix = [[source.between(-bound, bound) for _ in range(size)] for _ in range(size)]
    schema = AnswerSchema(type="polynomial", variable="l")
    truth = tuple(Fraction(value) for value in coefficients(matrix))
    return Instance(
        f"Compute the characteristic polynomial det(l*I - A) of the matrix A = {matrix}.",
        schema,
        canonical_text(schema, truth),
    )


FAMILY = Family(
    name="characteristic_polynomial",
    title="Characteristic polynomials",
    topic="algebra",
    levels=tuple(_SHAPE),
    draw=draw,
)
