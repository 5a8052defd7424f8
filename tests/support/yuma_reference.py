"""Yuma a second time: unbounded integers, dictionaries of entries, one uid after the other.

Written for clarity from the rules alone; the library's arrays must agree to the bit.
"""

from dataclasses import dataclass
from typing import Any

from taostack.devnet.economics.yuma import EpochInputs

ONE = 1 << 32
Row = dict[int, int]


@dataclass
class Reference:
    """Results of one epoch, I32F32 bits (rao for emissions)."""

    stake: list[int]
    consensus: list[int]
    incentive: list[int]
    dividends: list[int]
    trust: list[int]
    permits: list[bool]
    bonds: dict[int, Row]
    server: list[int]
    validator: list[int]
    emission: list[int]


def mul(a: int, b: int) -> int:
    return max(-(1 << 63), min((1 << 63) - 1, (a * b) >> 32))


def div(a: int, b: int) -> int:
    return min((1 << 63) - 1, (a << 32) // b) if b else 0


def normalised(values: list[int]) -> list[int]:
    total = sum(values)
    return [div(value, total) for value in values] if total else values


def exponential(x: int) -> int:
    """``e^x`` by its series of 31 terms."""
    x = max(-20 * ONE, min(20 * ONE, x))
    if x == 0:
        return ONE
    if x == ONE:
        return 11_674_931_554
    term = abs(x)
    total = ONE + term
    for k in range(2, 32):
        term = mul(term, abs(x)) // k
        total += term
    return div(ONE, total) if x < 0 else total


def median(stake: list[int], scores: list[int], minority: int) -> int:
    """Partition around the middle element until the minority's border lies in it."""
    candidates, low, high = list(range(len(stake))), 0, sum(stake)
    while candidates:
        if len(candidates) == 1:
            return scores[candidates[0]]
        pivot = scores[candidates[len(candidates) // 2]]
        lower = [i for i in candidates if scores[i] < pivot]
        upper = [i for i in candidates if scores[i] > pivot]
        below, above = sum(stake[i] for i in lower), sum(stake[i] for i in upper)
        if minority < low + below and lower:
            candidates, high = lower, low + below
        elif high - above <= minority and upper:
            candidates, low = upper, high - above
        else:
            return pivot
    return 0


def rows_of(rows: Any) -> dict[int, Row]:
    return {uid: dict(pairs) for uid, pairs in rows.pairs().items()}


def run(x: EpochInputs) -> Reference:
    """One epoch."""
    n, owner = x.n, x.owner_uid
    last_update, registered = x.last_update.tolist(), x.registered.tolist()
    inactive = [updated + x.activity_cutoff < x.block for updated in last_update]

    held = [0 if (s >> 64) < x.min_stake and uid != owner else s for uid, s in enumerate(x.stake)]
    total = min(sum(held), (1 << 127) - 1)
    stake = [((s << 64) // total if total else s) >> 32 for s in held]

    permits = x.permits.tolist()
    top = [s != 0 for s in stake]
    for uid in sorted(range(n), key=lambda i: stake[i])[: max(0, n - x.max_validators)]:
        top[uid] = False
    if owner is not None:
        permits[owner] = top[owner] = True
    active = normalised([s if permits[i] and not inactive[i] else 0 for i, s in enumerate(stake)])

    weights: dict[int, Row] = {i: {} for i in range(n)}
    for i, row in rows_of(x.weights).items():
        if permits[i]:
            weights[i] = {
                j: w
                for j, w in row.items()
                if (i != j or i == owner)
                and last_update[i] > registered[j]
                and (x.commit_blocks is None or int(x.commit_blocks[i]) >= registered[j])
            }
    for row in weights.values():
        total = sum(row.values())
        for j in row:
            row[j] = div(row[j], total)

    voters = [i for i in range(n) if active[i] > 0]
    votes = normalised([active[i] for i in voters])
    minority = sum(votes) - div(x.kappa, 65_535)
    consensus = [median(votes, [weights[i].get(j, 0) for i in voters], minority) for j in range(n)]

    clipped: dict[int, Row] = {i: {} for i in range(n)}
    for i, row in weights.items():
        for j, w in row.items():
            if w <= consensus[j]:
                clipped[i][j] = w
            elif consensus[j] > 0:
                clipped[i][j] = consensus[j]
    trust = [sum(clipped[i].values()) for i in range(n)]
    incentive = normalised([sum(mul(active[i], clipped[i].get(j, 0)) for i in range(n)) for j in range(n)])

    penalty = div(x.bonds_penalty, 65_535)
    if penalty == 0:
        for_bonds = weights
    elif penalty == ONE:
        for_bonds = clipped
    else:
        for_bonds = {i: {} for i in range(n)}
        for i in range(n):
            for j in range(n):
                w, c = weights[i].get(j, 0), clipped[i].get(j, 0)
                blend = w + mul(penalty, c - w)
                if blend > 0:
                    for_bonds[i][j] = blend

    last_step = x.last_step + 1 if x.last_step else max(0, x.block - x.tempo)
    old: dict[int, Row] = {i: {} for i in range(n)}
    for i, row in rows_of(x.bonds).items():
        old[i] = {j: b for j, b in row.items() if last_step > registered[j]}
    rate = ONE - (((x.bonds_moving_average << 64) // 1_000_000) >> 32)
    bonds, dividends = (_yuma3 if x.yuma3 else _yuma2)(x, for_bonds, old, consensus, active, incentive, rate)
    dividends = normalised(dividends)

    both = [i + d for i, d in zip(incentive, dividends, strict=True)]
    total = sum(both)
    if total:
        server, validator, combined = ([div(v, total) for v in part] for part in (incentive, dividends, both))
    else:
        server, validator = incentive, active if any(active) else stake
        combined = validator
    return Reference(
        stake,
        consensus,
        incentive,
        dividends,
        trust,
        top,
        {i: row for i, row in bonds.items() if top[i]},
        *([(part * x.rao_emission) >> 32 for part in parts] for parts in (server, validator, combined)),
    )


def _column_normalised(rows: dict[int, Row]) -> dict[int, Row]:
    sums: Row = {}
    for row in rows.values():
        for j, value in row.items():
            sums[j] = sums.get(j, 0) + value
    return {i: {j: div(v, sums[j]) if sums[j] else v for j, v in row.items()} for i, row in rows.items()}


def _average(new: dict[int, Row], old: dict[int, Row], rate: int) -> dict[int, Row]:
    result = {}
    for i in new:
        row = {}
        for j in set(new[i]) | set(old[i]):
            value = mul(rate, new[i].get(j, 0)) + mul(ONE - rate, old[i].get(j, 0))
            if value > 0:
                row[j] = value
        result[i] = row
    return result


def _yuma2(
    x: EpochInputs,
    weights: dict[int, Row],
    old: dict[int, Row],
    consensus: list[int],
    active: list[int],
    incentive: list[int],
    rate: int,
) -> tuple[dict[int, Row], list[int]]:
    held = _column_normalised({i: {j: b << 32 for j, b in row.items()} for i, row in old.items()})
    bought = _column_normalised({i: {j: mul(w, active[i]) for j, w in row.items()} for i, row in weights.items()})
    moved = _column_normalised(_average(bought, held, rate))
    dividends = [sum(mul(b, incentive[j]) for j, b in moved[i].items()) for i in range(x.n)]
    tops: Row = {}
    for row in moved.values():
        for j, b in row.items():
            tops[j] = max(tops.get(j, 0), b)
    return {i: {j: div(b, tops[j]) for j, b in row.items()} for i, row in moved.items()}, dividends


def _yuma3(
    x: EpochInputs,
    weights: dict[int, Row],
    old: dict[int, Row],
    consensus: list[int],
    active: list[int],
    incentive: list[int],
    rate: int,
) -> tuple[dict[int, Row], list[int]]:
    held = {i: {j: div(b << 32, 65_535 << 32) for j, b in row.items()} for i, row in old.items()}
    if x.liquid_alpha is not None and any(consensus):
        moved: dict[int, Row] = {}
        for i, row in weights.items():
            moved[i] = {}
            for j, weight in row.items():
                edge = _edge_rate(x, weight, held[i].get(j, 0), consensus[j])
                value = min(ONE, mul(ONE - edge, held[i].get(j, 0)) + mul(edge, weight))
                if value > 0:
                    moved[i][j] = value
    else:
        moved = _average(weights, held, rate)
    shares = _column_normalised(moved)
    dividends = [mul(sum(mul(share, incentive[j]) for j, share in shares[i].items()), active[i]) for i in range(x.n)]
    return moved, dividends


def _edge_rate(x: EpochInputs, weight: int, bond: int, consensus: int) -> int:
    liquid = x.liquid_alpha
    assert liquid is not None
    low, high = div(liquid.low, 65_535), div(liquid.high, 65_535)
    moved = weight - consensus if weight >= bond else bond - weight
    moved = max(0, min(ONE, moved))
    steepness = liquid.steepness << 32
    slope = -((abs(steepness) << 32) // (100 << 32)) * (1 if steepness >= 0 else -1)
    sigmoid = div(ONE, ONE + exponential(mul(slope, moved - ONE // 2)))
    return max(low, min(high, low + mul(sigmoid, high - low)))
