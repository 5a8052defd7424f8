"""Monotone lattice paths around blocked points, counted row by row."""

from taostack.reasonforge.tasks.answers import AnswerSchema
from taostack.reasonforge.tasks.model import Family, Instance
from taostack.reasonforge.tasks.seeds import Draw

_SHAPE = {1: (4, 7, 3), 3: (6, 10, 4), 5: (10, 18, 6), 7: (20, 40, 9)}
"""Level → smallest and largest side, blocked points."""

Point = tuple[int, int]


def count(width: int, height: int, blocked: set[Point]) -> int:
    """Paths from (0, 0) to (width, height) by steps right and up that visit no blocked point."""
    row = [0] * (width + 1)
    row[0] = 1
    for y in range(height + 1):
        for x in range(width + 1):
            if (x, y) in blocked:
                row[x] = 0
            elif x:
                row[x] += row[x - 1]
    return row[width]


def draw(source: Draw, level: int) -> Instance:
    """A rectangle with blocked points; answer: the number of free monotone paths, at least one."""
    low, high, holes = _SHAPE[level]
    while True:
        width, height = source.between(low, high), source.between(low, high)
        inner = [(x, y) for x in range(width + 1) for y in range(height + 1) if 0 < x + y < width + height]
        blocked = sorted(source.sample(inner, holes))
        truth = count(width, height, set(blocked))
        if truth > 0:
            break
    points = ", ".join(f"({x}, {y})" for x, y in blocked)
    return Instance(
        f"How many paths lead from (0, 0) to ({width}, {height}) when each step adds 1 to one coordinate "
        f"and the points {points} must not be visited?",
        AnswerSchema(type="exact_int"),
        str(truth),
    )


FAMILY = Family(
    name="lattice_paths", title="Lattice paths around obstacles", topic="combinatorics", levels=tuple(_SHAPE), draw=draw
)
