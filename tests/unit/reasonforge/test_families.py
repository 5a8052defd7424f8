"""The build gate of every family and level, with a second solver that shares no code with family or backend."""

import hashlib
import itertools
import math
import re
from collections import Counter
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from taostack.reasonforge.backends import solvers
from taostack.reasonforge.errors import TaskError
from taostack.reasonforge.tasks import claims, registry
from taostack.reasonforge.tasks.answers import check_answer, parse_answer

DRAWS = 200
CASES = [(name, level) for name, family in registry.FAMILIES.items() for level in family.levels]


@cache
def drawn(name, level):
    return [registry.draw(name, level, number.to_bytes(32, "big")) for number in range(DRAWS)]


def integers(text):
    return [int(number) for number in re.findall(r"-?\d+", text)]


def second_chinese_remainder(statement):
    """A sieve: step by the product so far until the next residue fits (first the largest modulus)."""
    pairs = sorted(((int(m), int(r)) for r, m in re.findall(r"≡ (\d+) \(mod (\d+)\)", statement)), reverse=True)
    value, step = 0, 1
    for modulus, residue in pairs:
        while value % modulus != residue:
            value += step
        step *= modulus
    return str(value)


def second_characteristic_polynomial(statement):
    """Sums of principal minors: the coefficient of l^(n-k) is (-1)^k times the sum of all k×k minors."""
    rows = eval(statement[statement.index("[[") : -1])  # noqa: S307 - our own text
    size = len(rows)

    def minor(chosen):
        return sum(
            math.prod(rows[chosen[i]][chosen[p]] for i, p in enumerate(order))
            * (-1) ** sum(order[a] > order[b] for a in range(len(order)) for b in range(a + 1, len(order)))
            for order in itertools.permutations(range(len(chosen)))
        )

    text = " ".join(
        f"{'-' if value < 0 else '+'} {abs(value)}*l^{size - k}"
        for k in range(size + 1)
        if (value := (-1) ** k * sum(minor(chosen) for chosen in itertools.combinations(range(size), k)))
    )
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("-") else text.removeprefix("+ ")


NODES, WEIGHTS = np.polynomial.laguerre.laggauss(12)


def numeric_integral(statement):
    """Gauss–Laguerre quadrature, exact for these polynomials up to rounding."""
    total = 0.0
    for body, rate in re.findall(r"\(([^()]*)\)\*exp\(-(\d+)\*x\)", statement):
        x = NODES / int(rate)
        values = np.zeros_like(x)
        for sign, size, letter, power in re.findall(r"([+-]?) ?(\d*)\*?(x?)\^?(\d*)", body):
            if size or letter:
                term = float(size or 1) * x ** (int(power or 1) if letter else 0)
                values += -term if sign == "-" else term
        total += float((WEIGHTS * values).sum()) / int(rate)
    return total


def second_restricted_permutations(statement):
    """Ryser's formula for the permanent of the 0/1 matrix of allowed places."""
    size = int(re.search(r"1 to (\d+)", statement)[1])
    forbidden = {int(p): set(integers(v)) for p, v in re.findall(r"p\((\d+)\) not in \{([^}]*)\}", statement)}
    rows = [
        [int(value not in forbidden.get(position, ())) for value in range(1, size + 1)]
        for position in range(1, size + 1)
    ]
    matrix = np.array(rows, dtype=np.int64)
    total = 0
    for mask in range(1, 1 << size):
        columns = [c for c in range(size) if mask >> c & 1]
        total += (-1) ** (size - len(columns)) * math.prod(matrix[:, columns].sum(axis=1).tolist())
    return str(total)


def second_linear_recurrence(statement):
    """Bostan and Mori: the coefficient of x^n in P/Q, halving n."""
    first, rest = statement.split(" and F(n) = ")
    start = [int(v) for v in re.findall(r"= (\d+)", first)]
    factors = [int(v) for v in re.findall(r"\((-?\d+)\)\*F", rest)]
    index, modulus = int(re.search(r"F\((\d+)\) modulo", rest)[1]), int(re.search(r"modulo (\d+)", rest)[1])
    bottom = [1] + [-value for value in factors]

    def times(a, b):
        product = [0] * (len(a) + len(b) - 1)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                product[i + j] = (product[i + j] + x * y) % modulus
        return product

    top = times(start, bottom)[: len(start)]
    while index:
        mirrored = [value * (-1) ** power for power, value in enumerate(bottom)]
        top = times(top, mirrored)[index % 2 :: 2]
        bottom = times(bottom, mirrored)[::2]
        index //= 2
    return str(top[0] * pow(bottom[0], -1, modulus) % modulus)


def second_quadratic_residues(statement):
    """Try every number."""
    modulus, square = (int(re.search(pattern, statement)[1]) for pattern in (r"x < (\d+)", r"≡ (\d+)"))
    numbers = np.arange(modulus, dtype=np.int64)
    roots = numbers[numbers * numbers % modulus == square].tolist()
    return "{" + ", ".join(map(str, roots)) + "}" if roots else "none"


def second_linear_system(statement):
    """Cramer's rule with determinants over permutations."""
    body = statement.split(": ", 1)[1].split(". Give")[0]
    names = re.search(r"Give \[(.*?)\]", statement)[1].split(", ")
    matrix, right = [], []
    for equation in body.split("; "):
        values = {name: int(value) for value, name in re.findall(r"\((-?\d+)\)\*([a-z])", equation)}
        matrix.append([values.get(name, 0) for name in names])
        right.append(int(equation.split("= ")[1]))

    def determinant(rows):
        return sum(
            math.prod(rows[i][p] for i, p in enumerate(order))
            * (-1) ** sum(order[a] > order[b] for a in range(len(order)) for b in range(a + 1, len(order)))
            for order in itertools.permutations(range(len(rows)))
        )

    whole = determinant(matrix)
    if whole == 0:
        return "none"
    replaced = [
        [[right[i] if c == column else value for c, value in enumerate(row)] for i, row in enumerate(matrix)]
        for column in range(len(names))
    ]
    return "[" + ", ".join(str(Fraction(determinant(rows), whole)) for rows in replaced) + "]"


def second_lattice_paths(statement):
    """Count backwards from the goal, point by point."""
    points = [(int(x), int(y)) for x, y in re.findall(r"\((\d+), (\d+)\)", statement)]
    goal, blocked = points[1], set(points[2:])

    @cache
    def ways(x, y):
        if (x, y) in blocked or x > goal[0] or y > goal[1]:
            return 0
        return 1 if (x, y) == goal else ways(x + 1, y) + ways(x, y + 1)

    return str(ways(0, 0))


SECOND = {
    "chinese_remainder": second_chinese_remainder,
    "characteristic_polynomial": second_characteristic_polynomial,
    "restricted_permutations": second_restricted_permutations,
    "linear_recurrence": second_linear_recurrence,
    "quadratic_residues": second_quadratic_residues,
    "linear_system": second_linear_system,
    "lattice_paths": second_lattice_paths,
}


@pytest.mark.parametrize(("name", "level"), CASES)
def test_an_independent_second_solver_agrees(name, level):
    count = 25 if (name, level) in SLOW else DRAWS
    for instance in drawn(name, level)[:count]:
        if name == "improper_integral":
            assert numeric_integral(instance.statement) == pytest.approx(float(Fraction(instance.truth)), rel=1e-8)
        else:
            assert check_answer(instance.schema, instance.truth, SECOND[name](instance.statement)) == 1


SLOW = {("restricted_permutations", 8)}
"""Ryser's formula over ten columns: agreement on fewer draws keeps the suite quick; the backend's solver sees all."""


@pytest.mark.parametrize(("name", "level"), CASES)
def test_the_backend_reads_the_public_text_and_finds_the_truth(name, level):
    for instance in drawn(name, level):
        assert solvers.recognise(instance.statement) == name
        solution = solvers.solve(instance.statement, instance.schema)
        assert solution.final_answer == instance.truth
        assert all(claims.holds(claim) for step in solution.steps for claim in step.claims)


@pytest.mark.parametrize(("name", "level"), CASES)
def test_statements_are_distinct_short_and_end_with_punctuation(name, level):
    statements = [instance.statement for instance in drawn(name, level)]
    assert len(set(statements)) >= 0.99 * DRAWS
    assert max(map(len, statements)) < 4_000
    assert all(statement[-1] in ".?" for statement in statements)


@pytest.mark.parametrize(("name", "level"), CASES)
def test_trivial_answers_are_right_in_less_than_15_percent(name, level):
    instances = drawn(name, level)
    most_common = Counter(instance.truth for instance in instances).most_common(1)[0][1]
    first = sum(str(integers(instance.statement)[0]) == instance.truth for instance in instances)
    none = sum(instance.truth == "none" for instance in instances)
    assert max(most_common, first, none) < 0.15 * DRAWS


@pytest.mark.parametrize(("name", "level"), CASES)
def test_truths_are_canonical_and_not_in_the_statement(name, level):
    for instance in drawn(name, level):
        assert check_answer(instance.schema, instance.truth, instance.truth) == 1
        parse_answer(instance.schema, instance.truth)
        if len(instance.truth) > 6:
            assert instance.truth not in instance.statement


@pytest.mark.parametrize("name", registry.FAMILIES)
def test_the_same_seed_draws_the_same_question(name):
    level = registry.family(name).levels[0]
    assert registry.draw(name, level, b"seed") == registry.draw(name, level, b"seed")
    assert registry.draw(name, level, b"seed") != registry.draw(name, level, b"other")


def test_questions_stay_what_they_are_until_the_version_changes():
    """Shipped seeds must give the same questions for ever: an auditor recomputes them years later."""

    digest = hashlib.sha256()
    for name, level in CASES:
        instance = registry.draw(name, level, bytes(32))
        digest.update(f"{name}:{registry.family(name).version}:{level}:{instance.statement}:{instance.truth}".encode())
    assert digest.hexdigest() == "406a8526c21c2ec41bc77a0b7062a19172dab3dff00721f2fbc67a35f4b87519"


def test_families_and_levels_that_do_not_exist_are_named_with_what_does():
    with pytest.raises(TaskError, match="no task family"):
        registry.family("poetry")
    with pytest.raises(TaskError, match="no level 10"):
        registry.draw("lattice_paths", 10, b"")
