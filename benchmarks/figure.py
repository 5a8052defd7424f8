"""One measured figure, as every benchmark area reports it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured, in which unit, against which target.

    ``area`` is the benchmark module's name, ``name`` says what was measured,
    ``value`` is in ``unit``, ``target`` is the goal in words (``"≥ 5,000"``),
    ``met`` says whether the value reaches it, and ``how`` names the machine's
    part in it: cores, sizes, the peer of the same run.
    """

    area: str
    name: str
    value: float
    unit: str
    target: str
    met: bool
    how: str = ""


def written(value: float) -> str:
    """A figure as a person writes it: three significant digits, thousands apart.

    >>> written(12345.6), written(0.01234), written(7.0)
    ('12,346', '0.0123', '7')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
