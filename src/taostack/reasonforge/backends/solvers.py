"""Reads the public statement of each family and solves it, by other means than those that made the truth.

Every solver takes the plain text and returns answer and steps; the claims in
the steps are the checks that a careful solver writes down. Texts come from
outside, so every size is bounded before work begins.
"""

import json
import math
import re
from collections.abc import Callable
from fractions import Fraction

from taostack.reasonforge.backends.base import Solution, step
from taostack.reasonforge.errors import AnswerError, StatementError
from taostack.reasonforge.tasks.answers import AnswerSchema, canonical_text, parse_answer

Solver = Callable[[re.Match[str], AnswerSchema], Solution]

_CONGRUENCE = re.compile(r"x ≡ (\d{1,12}) \(mod (\d{1,12})\)")
_SUMMAND = re.compile(r"\(([^()]{1,500})\)\*exp\(-(\d{1,6})\*x\)")
_FORBIDDEN = re.compile(r"p\((\d{1,2})\) not in \{([\d, ]{1,60})\}")
_VALUE = re.compile(r"F\((\d{1,2})\) = (\d{1,12})")
_FACTOR = re.compile(r"\((-?\d{1,12})\)\*F\(n-(\d{1,2})\)")
_TERM = re.compile(r"\((-?\d{1,12})\)\*([a-z])")
_POINT = re.compile(r"\((\d{1,4}), (\d{1,4})\)")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise StatementError(f"the statement was beyond this solver: {what}")


def _congruences(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Merge one congruence after the other."""
    pairs = [(int(residue), int(modulus)) for residue, modulus in _CONGRUENCE.findall(match[1])]
    _require(0 < len(pairs) <= 20 and all(modulus > 1 for _, modulus in pairs), "number of congruences")
    value, product = 0, 1
    for residue, modulus in pairs:
        _require(math.gcd(product, modulus) == 1, "moduli that are not coprime")
        value += product * ((residue - value) * pow(product, -1, modulus) % modulus)
        product *= modulus
    claims = [f"{value} = {residue} (mod {modulus})" for residue, modulus in pairs]
    return Solution(
        str(value),
        (
            step(0, f"Merging the congruences one by one gives x = {value} modulo {product}."),
            step(1, "Checking each congruence.", *claims),
        ),
    )


def _characteristic(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Determinants at n + 1 numbers (Bareiss), and the polynomial through them (Newton)."""
    try:
        rows = json.loads(match[1])
    except (ValueError, RecursionError) as error:
        raise StatementError("the matrix could not be read") from error
    _require(
        isinstance(rows, list)
        and 0 < len(rows) <= 12
        and all(isinstance(row, list) and len(row) == len(rows) for row in rows)
        and all(isinstance(value, int) and abs(value) < 10**9 for row in rows for value in row),
        "a matrix that is not square and integer",
    )
    size = len(rows)
    values = [
        _determinant([[at * (i == j) - rows[i][j] for j in range(size)] for i in range(size)]) for at in range(size + 1)
    ]
    coefficients = _interpolated(values)
    text = canonical_text(schema, tuple(Fraction(value) for value in reversed(coefficients)))
    trace = " + ".join(f"({rows[index][index]})" for index in range(len(rows)))
    return Solution(
        text,
        (
            step(
                0,
                f"Determinants of {schema.variable}*I - A at 0 … {size} are {values}; "
                f"the polynomial through them is {text}.",
            ),
            step(1, "The second coefficient is minus the trace.", f"-({trace}) = {coefficients[1]}"),
        ),
    )


def _determinant(rows: list[list[int]]) -> int:
    """Fraction-free elimination: every division leaves no remainder (Bareiss)."""
    rows = [row[:] for row in rows]
    sign, previous = 1, 1
    for column in range(len(rows) - 1):
        pivot = next((index for index in range(column, len(rows)) if rows[index][column]), None)
        if pivot is None:
            return 0
        if pivot != column:
            rows[column], rows[pivot] = rows[pivot], rows[column]
            sign = -sign
        head = rows[column]
        for index in range(column + 1, len(rows)):
            row = rows[index]
            rows[index] = [(a * head[column] - row[column] * b) // previous for a, b in zip(row, head, strict=True)]
        previous = head[column]
    return sign * rows[-1][-1]


def _interpolated(values: list[int]) -> list[int]:
    """Integer coefficients, highest power first, of the monic polynomial with these values at 0, 1, 2, …"""
    differences = [Fraction(value) for value in values]
    for order in range(1, len(values)):
        for index in range(len(values) - 1, order - 1, -1):
            differences[index] = (differences[index] - differences[index - 1]) / order
    coefficients = [Fraction(0)]
    for index in range(len(values) - 1, -1, -1):
        # Horner in Newton's form: multiply by (x − index) and add the next difference.
        shifted = [Fraction(0), *coefficients]
        coefficients = [up - index * down for up, down in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
        coefficients[0] += differences[index]
    while coefficients[-1] == 0:
        coefficients.pop()
    return [int(value) for value in reversed(coefficients)]


def _integral(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Integrate by parts until the polynomial is gone: ∫P·e^(−ax) = P(0)/a + (1/a)·∫P'·e^(−ax)."""
    found = _SUMMAND.findall(match[1])
    _require(0 < len(found) <= 12, "number of summands")
    total = Fraction(0)
    parts = []
    for polynomial, rate_text in found:
        rate = int(rate_text)
        _require(rate > 0, "a rate that does not decay")
        try:
            current = list(_coefficients(polynomial))
        except AnswerError as error:
            raise StatementError("a polynomial could not be read") from error
        part, weight = Fraction(0), Fraction(1, rate)
        while current:
            part += weight * current[0]
            weight /= rate
            current = [power * value for power, value in enumerate(current)][1:]
        total += part
        parts.append(part)
    text = canonical_text(schema, total)
    claim = " + ".join(f"({part})" for part in parts) + f" = {text}"
    return Solution(
        text,
        (
            step(0, "Integrating each summand by parts until its polynomial is constant."),
            step(1, "Adding the summands.", claim),
        ),
    )


def _coefficients(text: str) -> tuple[Fraction, ...]:
    value = parse_answer(AnswerSchema(type="polynomial", variable="x"), text)
    _require(isinstance(value, tuple), "a polynomial")
    return value if isinstance(value, tuple) else ()


def _permutations(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Rook numbers of the forbidden board and inclusion–exclusion: Σ (−1)ᵏ·r_k·(n−k)!."""
    size = int(match[1])
    _require(0 < size <= 14, "length of the permutation")
    board = [[int(value) for value in values.split(",") if value.strip()] for _, values in _FORBIDDEN.findall(match[2])]
    _require(all(0 < value <= size for row in board for value in row), "values outside the permutation")
    placements: dict[int, int] = {0: 1}
    for row in board:
        following = dict(placements)
        for columns, ways in placements.items():
            for value in row:
                if not columns >> value & 1:
                    taken = columns | 1 << value
                    following[taken] = following.get(taken, 0) + ways
        placements = following
    rooks = [0] * (size + 1)
    for columns, ways in placements.items():
        rooks[columns.bit_count()] += ways
    count = sum((-1) ** k * number * math.factorial(size - k) for k, number in enumerate(rooks))
    series = " + ".join(
        f"({(-1) ** k * number})*{math.factorial(size - k)}" for k, number in enumerate(rooks) if number
    )
    return Solution(
        str(count),
        (
            step(0, f"The forbidden board has rook numbers {rooks}."),
            step(1, "Inclusion and exclusion over rook placements.", f"{series} = {count}"),
        ),
    )


def _recurrence(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """The power of x modulo the characteristic polynomial, applied to the first terms."""
    start = [int(value) for _, value in _VALUE.findall(match[1])]
    factors = [int(value) for value, _ in _FACTOR.findall(match[2])]
    index, modulus = int(match[3]), int(match[4])
    order = len(factors)
    _require(0 < order == len(start) <= 8 and modulus > 1, "order of the recurrence")

    def reduced(values: list[int]) -> list[int]:
        values = values[:]
        for power in range(len(values) - 1, order - 1, -1):
            leading = values[power]
            for distance, factor in enumerate(factors, start=1):
                values[power - distance] = (values[power - distance] + leading * factor) % modulus
        return values[:order]

    def times(first: list[int], second: list[int]) -> list[int]:
        product = [0] * (len(first) + len(second) - 1)
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                product[i + j] = (product[i + j] + a * b) % modulus
        return reduced(product)

    result, power = reduced([1] + [0] * (order - 1)), reduced([0, 1] + [0] * max(0, order - 2))
    remaining = index
    while remaining:
        if remaining & 1:
            result = times(result, power)
        power = times(power, power)
        remaining >>= 1
    value = sum(a * b for a, b in zip(result, start, strict=True)) % modulus
    sides = " + ".join(f"({a})*({b})" for a, b in zip(result, start, strict=True))
    return Solution(
        str(value),
        (
            step(0, f"x^{index} modulo the characteristic polynomial has coefficients {result}."),
            step(1, "Applying them to the first terms.", f"{sides} = {value} (mod {modulus})"),
        ),
    )


def _prime_factors(number: int) -> list[int]:
    found = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found + [number] * (number > 1)


def _root(square: int, prime: int) -> int | None:
    """A square root modulo an odd prime (Tonelli and Shanks), or None."""
    if square == 0:
        return 0
    if pow(square, (prime - 1) // 2, prime) != 1:
        return None
    odd, twos = prime - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    other = next(value for value in range(2, prime) if pow(value, (prime - 1) // 2, prime) == prime - 1)
    step_root, remainder, root = pow(other, odd, prime), pow(square, odd, prime), pow(square, (odd + 1) // 2, prime)
    while remainder != 1:
        order, value = 0, remainder
        while value != 1:
            value, order = value * value % prime, order + 1
        shift = pow(step_root, 1 << (twos - order - 1), prime)
        root, step_root, twos = root * shift % prime, shift * shift % prime, order
        remainder = remainder * step_root % prime
    return root


def _residues(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Roots modulo each prime factor, joined by the Chinese remainder theorem."""
    modulus, square = int(match[1]), int(match[2])
    _require(2 < modulus < 10**12, "size of the modulus")
    primes = _prime_factors(modulus)
    _require(len(set(primes)) == len(primes) and 2 not in primes, "a modulus that is even or has a square")
    roots, product = {0}, 1
    for prime in primes:
        local = _root(square % prime, prime)
        if local is None:
            claim = f"{square}^{(prime - 1) // 2} = {prime - 1} (mod {prime})"
            return Solution("none", (step(0, f"By Euler's criterion there is no root modulo {prime}.", claim),))
        inverse = pow(product, -1, prime)
        roots = {
            known + product * ((own - known) * inverse % prime) for known in roots for own in {local, -local % prime}
        }
        product *= prime
    answer = canonical_text(schema, frozenset(roots))
    claims = [f"{root}^2 = {square} (mod {modulus})" for root in sorted(roots)]
    return Solution(
        answer,
        (
            step(0, f"The modulus is {' * '.join(map(str, primes))}; joining the roots of each factor."),
            step(1, "Checking each root.", *claims),
        ),
    )


def _linear_system(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """Elimination with exact fractions."""
    names = match[2].split(", ")
    rows: list[list[Fraction]] = []
    for equation in match[1].split("; "):
        left, _, right = equation.partition(" = ")
        values = {name: Fraction(value) for value, name in _TERM.findall(left)}
        _require(bool(re.fullmatch(r"-?\d{1,12}", right)) and set(values) <= set(names), "an equation")
        rows.append([*(values.get(name, Fraction(0)) for name in names), Fraction(right)])
    _require(0 < len(names) <= 8 and len(rows) <= 16, "size of the system")
    original = [row[:] for row in rows]
    rank = 0
    for column in range(len(names)):
        pivot = next((index for index in range(rank, len(rows)) if rows[index][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        head = rows[rank][column]
        rows[rank] = [value / head for value in rows[rank]]
        for index, row in enumerate(rows):
            if index != rank and row[column]:
                factor = row[column]
                rows[index] = [a - factor * b for a, b in zip(row, rows[rank], strict=True)]
        rank += 1
    if any(not any(row[:-1]) and row[-1] for row in rows):
        return Solution("none", (step(0, "Elimination leaves the contradiction 0 = 1."),))
    _require(rank == len(names), "a system with many solutions")
    solution = tuple(row[-1] for row in rows[:rank])
    claims = [
        " + ".join(f"({a})*({x})" for a, x in zip(row[:-1], solution, strict=True)) + f" = {row[-1]}"
        for row in original
    ]
    return Solution(
        canonical_text(schema, solution),
        (step(0, "Elimination with exact fractions."), step(1, "Putting the solution into each equation.", *claims)),
    )


def _lattice(match: re.Match[str], schema: AnswerSchema) -> Solution:
    """First passages: paths to each blocked point that meet no earlier one, by binomials."""
    width, height = int(match[1]), int(match[2])
    _require(width + height <= 2_000, "size of the lattice")
    blocked = sorted({(int(x), int(y)) for x, y in _POINT.findall(match[3])}, key=lambda point: (sum(point), point))
    _require(len(blocked) <= 60, "number of blocked points")

    def paths(start: tuple[int, int], end: tuple[int, int]) -> int:
        right, up = end[0] - start[0], end[1] - start[1]
        return math.comb(right + up, right) if right >= 0 and up >= 0 else 0

    first: dict[tuple[int, int], int] = {}
    for point in blocked:
        through = sum(ways * paths(other, point) for other, ways in first.items())
        first[point] = paths((0, 0), point) - through
    end = (width, height)
    total = paths((0, 0), end)
    lost = sum(ways * paths(point, end) for point, ways in first.items())
    return Solution(
        str(total - lost),
        (
            step(0, f"Without obstacles there are {total} paths; {lost} meet an obstacle."),
            step(1, "Taking them away.", f"{total} - {lost} = {total - lost}"),
        ),
    )


_SOLVERS: tuple[tuple[str, re.Pattern[str], Solver], ...] = (
    (
        "chinese_remainder",
        re.compile(r"Find the smallest non-negative integer x that satisfies all of: (.*)\."),
        _congruences,
    ),
    (
        "characteristic_polynomial",
        re.compile(r"Compute the characteristic polynomial det\(l\*I - A\) of the matrix A = (\[.*\])\."),
        _characteristic,
    ),
    ("improper_integral", re.compile(r"Compute the integral of (.*) over x from 0 to infinity\."), _integral),
    (
        "restricted_permutations",
        re.compile(r"How many permutations p of the numbers 1 to (\d{1,2}) are there (.*)\?"),
        _permutations,
    ),
    (
        "linear_recurrence",
        re.compile(
            r"A sequence is given by (.*) and F\(n\) = (.*) for n >= \d+\. "
            r"Compute F\((\d{1,40})\) modulo (\d{1,20}), as a number from 0 to \d+\."
        ),
        _recurrence,
    ),
    (
        "quadratic_residues",
        re.compile(
            r"Find all integers x with 0 <= x < (\d{1,12}) and x\^2 ≡ (\d{1,12}) \(mod \1\)\. "
            r"If there are none, answer none\."
        ),
        _residues,
    ),
    (
        "linear_system",
        re.compile(
            r"Solve over the rational numbers: (.*)\. Give \[([a-z](?:, [a-z])*)\]\. "
            r"If there is no solution, answer none\."
        ),
        _linear_system,
    ),
    (
        "lattice_paths",
        re.compile(
            r"How many paths lead from \(0, 0\) to \((\d{1,4}), (\d{1,4})\) when each step adds 1 to one coordinate "
            r"and the points (.*) must not be visited\?"
        ),
        _lattice,
    ),
)


def recognise(statement: str) -> str | None:
    """Name of the family that a statement belongs to, or None when no solver here can read it."""
    return next((name for name, pattern, _ in _SOLVERS if pattern.fullmatch(statement)), None)


def solve(statement: str, schema: AnswerSchema) -> Solution:
    """Solve a statement; raises ``StatementError`` when it cannot be read or is out of bounds."""
    for _, pattern, solver in _SOLVERS:
        match = pattern.fullmatch(statement)
        if match is not None:
            return solver(match, schema)
    raise StatementError("no solver here reads this statement")
