"""The Yuma epoch: 256 uids, 64 validators, every weight set, exact."""

import statistics
import time

import numpy as np

from benchmarks.figure import Figure
from taostack.devnet.economics.yuma import EpochInputs, LiquidAlpha, Rows, epoch

UIDS, VALIDATORS, ROUNDS = 256, 64, 9
TARGET_MS = 60.0


def dense_subnet(*, yuma3: bool, seed: int = 1) -> EpochInputs:
    """A full subnet in which every validator weighs every miner and holds bonds to all."""
    rng = np.random.default_rng(seed)
    uids = np.arange(VALIDATORS)
    shape = (VALIDATORS, UIDS)
    every = np.ones(shape, np.bool_)
    return EpochInputs(
        block=10_000,
        tempo=360,
        activity_cutoff=5_000,
        stake=[int(held) << 64 for held in rng.integers(10**9, 10**15, UIDS)],
        last_update=np.full(UIDS, 9_900),
        registered=np.zeros(UIDS, np.int64),
        permits=np.arange(UIDS) < VALIDATORS,
        weights=Rows(uids, rng.integers(1, 65_536, shape), every),
        bonds=Rows(uids, rng.integers(1, 65_536, shape), every),
        max_validators=VALIDATORS,
        yuma3=yuma3,
        liquid_alpha=LiquidAlpha() if yuma3 else None,
        rao_emission=360_000_000_000,
    )


def milliseconds(inputs: EpochInputs) -> float:
    """Median time of one epoch."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        epoch(inputs)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def figures() -> list[Figure]:
    """Yuma2, and Yuma3 with liquid alpha."""
    results = []
    for name, yuma3 in (("Yuma2", False), ("Yuma3 with liquid alpha", True)):
        value = milliseconds(dense_subnet(yuma3=yuma3))
        results.append(
            Figure(
                area="yuma",
                name=f"{name} epoch, {UIDS} uids x {VALIDATORS} validators, dense, exact",
                value=round(value, 2),
                unit="ms",
                target=f"<= {TARGET_MS:.0f}",
                met=value <= TARGET_MS,
                how=f"median of {ROUNDS} in one process",
            )
        )
    return results
