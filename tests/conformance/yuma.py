"""Runs a vector file of Yuma epochs (the format of ``tests/vectors/yuma.json``) through the library.

A vector is a small subnet: ``n`` uids with ``stake`` (default 1 each), a ``mode``
(``yuma2``, ``yuma3``, ``yuma3+liquid``) and ``params``. All uids register in block
0, and one epoch without weights runs in block 1. Then every step moves one block
on, changes something, runs one epoch, and is compared. Steps are either a list
``steps`` (each with its changes and what it expects) or, by number, the tables
``weights_by_step``, ``bonds``, ``dividends`` and so on. A vector that only expects
something is compared after the first epoch. With tolerance 0 integers are compared
exactly, as stored; otherwise stored u16 values are compared as parts of 65535.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from taostack.devnet.economics.yuma import EpochInputs, EpochOutputs, LiquidAlpha, Rows, epoch

DEFAULTS: dict[str, Any] = {
    "kappa": 32_767,
    "bonds_penalty": 65_535,
    "bonds_moving_average": 900_000,
    "activity_cutoff": 5_000,
    "rao_emission": 1_000_000_000,
    "tempo": 1,
    "alpha_low": 45_875,
    "alpha_high": 58_982,
    "alpha_sigmoid_steepness": 1_000,
    "min_stake": 0,
    "owner_uid": None,
    "max_validators": None,
    "liquid_alpha": None,  # None: as the mode says
    "bonds_reset": True,  # whether bonds may be reset; a reset itself is a change
    "commit_reveal": False,
}
ALIASES = {
    "steepness": "alpha_sigmoid_steepness",
    "max_allowed_validators": "max_validators",
    "stake_threshold": "min_stake",
    "emission": "rao_emission",
    "owner": "owner_uid",
    "subnet_owner": "owner_uid",
    "liquid_alpha_on": "liquid_alpha",
    "liquid_alpha_enabled": "liquid_alpha",
    "bonds_reset_on": "bonds_reset",
    "bonds_reset_enabled": "bonds_reset",
    "commit_reveal_enabled": "commit_reveal",
}
EXPECTED = (
    "emission",
    "server_emission",
    "validator_emission",
    "incentive",
    "dividends",
    "consensus",
    "validator_trust",
    "stake_weight",
    "active",
    "permits",
    "bonds",
    "bonds_column",
    "bonds_row",
)
EXPECTED_ALIASES = {"validator_permits": "permits", "validator_permit": "permits", "bonds_columns": "bonds_column"}
CHANGES = ("set_weights", "weights", "stake", "register", "reset_bonds", "advance", "block", "params", "epochs")
CHANGE_ALIASES = {
    "set_stake": "stake",
    "replace": "register",
    "reregister": "register",
    "deregister": "register",
    "bonds_reset": "reset_bonds",
    "advance_blocks": "advance",
    "blocks": "advance",
    "run_to_block": "block",
}
DESCRIPTION = frozenset({"id", "mode", "n", "note", "tolerance", "params", "stake", "steps", "weights_by_step", "name"})
NOT_LIQUID = ("disabled", "off", "without", "no-liquid", "no liquid", "-liquid")


class UnknownVectorError(Exception):
    """The vector uses something this runner does not know: it counts as failed."""


@dataclass
class Subnet:
    """The state that lives between two epochs."""

    n: int
    mode: str
    stake: list[int]
    params: dict[str, Any]
    block: int = 0
    weights: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    bonds: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last_update = np.zeros(self.n, np.int64)
        self.registered = np.zeros(self.n, np.int64)
        self.permits = np.zeros(self.n, np.bool_)

    def run_epoch(self) -> EpochOutputs:
        """One epoch in the present block; permits and bonds are kept for the next."""
        params = self.params
        liquid = None
        if params["commit_reveal"]:
            raise UnknownVectorError("weights under commit-reveal are not part of a vector")
        if self._is_liquid():
            low, high = (_u16(params[bound]) for bound in ("alpha_low", "alpha_high"))
            liquid = LiquidAlpha(low, high, params["alpha_sigmoid_steepness"])
        outputs = epoch(
            EpochInputs(
                block=self.block,
                tempo=params["tempo"],
                activity_cutoff=params["activity_cutoff"],
                stake=[held << 64 for held in self.stake],
                last_update=self.last_update,
                registered=self.registered,
                permits=self.permits,
                weights=Rows.of(self.weights, self.n),
                bonds=Rows.of(self.bonds, self.n),
                max_validators=self.n if params["max_validators"] is None else params["max_validators"],
                min_stake=params["min_stake"],
                owner_uid=params["owner_uid"],
                kappa=params["kappa"],
                bonds_penalty=params["bonds_penalty"],
                bonds_moving_average=params["bonds_moving_average"],
                yuma3=self.mode.startswith("yuma3"),
                liquid_alpha=liquid,
                rao_emission=params["rao_emission"],
            )
        )
        self.permits = outputs.permits
        self.bonds = outputs.bonds.pairs()
        return outputs

    def _is_liquid(self) -> bool:
        if self.params["liquid_alpha"] is not None:
            return bool(self.params["liquid_alpha"])
        return "liquid" in self.mode and not any(word in self.mode for word in NOT_LIQUID)

    def set_weights(self, uid: int, pairs: list[tuple[int, int]]) -> None:
        """Store a row as ``set_weights`` does: scaled so that the largest is 65535."""
        top = max((weight for _, weight in pairs), default=0)
        self.weights[uid] = [(to, (2 * weight * 65_535 + top) // (2 * top) if top else 0) for to, weight in pairs]
        self.last_update[uid] = self.block

    def register(self, uid: int) -> None:
        """A new holder takes the uid and inherits nothing."""
        self.registered[uid] = self.last_update[uid] = self.block
        self.permits[uid] = False
        self.weights.pop(uid, None)
        self.bonds.pop(uid, None)

    def reset_bonds(self, uid: int) -> None:
        """Forget all bonds to a uid."""
        self.bonds = {row: [pair for pair in pairs if pair[0] != uid] for row, pairs in self.bonds.items()}


def run(path: Path) -> tuple[int, list[str]]:
    """How many vectors of ``path`` hold, and one line per vector that does not."""
    passed, failures = 0, []
    for vector in json.loads(path.read_text())["vectors"]:
        try:
            problem = next(iter(problems(vector)), None)
        except UnknownVectorError as error:
            problem = str(error)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            problem = f"not a vector of this format: {type(error).__name__}: {error}"
        if problem is None:
            passed += 1
        else:
            failures.append(f"{vector.get('id', '?')}: {problem}")
    return passed, failures


def problems(vector: Mapping[str, Any]) -> Iterator[str]:
    """Where the library's numbers differ from the vector's."""
    if not any(_expected(key) for part in [vector, *vector.get("steps", ())] for key in part):
        raise UnknownVectorError("the vector expects nothing")
    subnet = _subnet(vector)
    tolerance = vector.get("tolerance", 0)
    subnet.block = 1
    outputs = subnet.run_epoch()
    steps = vector["steps"] if "steps" in vector else _steps_from_tables(vector)
    if steps is None:
        yield from _compare(subnet, outputs, {key: vector[key] for key in vector if _expected(key)}, tolerance)
        return
    for number, step in enumerate(steps):
        subnet.block += 1
        for name, value in step.items():
            if not _expected(name):
                _change(subnet, CHANGE_ALIASES.get(name, name), value)
        for _ in range(step.get("epochs", 1)):
            outputs = subnet.run_epoch()
        expected = {key: value for key, value in step.items() if _expected(key)}
        for problem in _compare(subnet, outputs, expected, tolerance):
            yield f"step {number}: {problem}"


def _subnet(vector: Mapping[str, Any]) -> Subnet:
    n = int(vector["n"])
    stake = vector.get("stake", [1] * n)
    if not isinstance(stake, list):
        stake = [int(stake)] * n
    return Subnet(n, str(vector["mode"]), [int(held) for held in stake], DEFAULTS | _params(vector.get("params", {})))


def _params(given: Mapping[str, Any]) -> dict[str, Any]:
    named = {ALIASES.get(name, name): value for name, value in given.items()}
    unknown = sorted(set(named) - set(DEFAULTS))
    if unknown:
        raise UnknownVectorError(f"unknown parameters {unknown}")
    return named


def _steps_from_tables(vector: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Steps from ``weights_by_step`` and from expectations listed, or keyed, by step; None when nothing changes."""
    resets: dict[int, list[int]] = {}
    single: dict[str, Any] = {}
    for key, value in vector.items():
        if "reset" in key:
            resets.update(_resets(value))
        elif CHANGE_ALIASES.get(key, key) in CHANGES and key not in DESCRIPTION:
            single[key] = value
        elif key not in DESCRIPTION and not _expected(key) and not isinstance(value, str):
            raise UnknownVectorError(f"unknown field {key!r}")
    if "weights_by_step" not in vector:
        expected = {key: value for key, value in vector.items() if _expected(key)}
        return [single | expected] if single else None
    changes = {int(step): rows for step, rows in _by_step(vector["weights_by_step"]).items()}
    tables = {key: _by_step(vector[key]) for key in vector if _expected(key)}
    last = max([*changes, *resets, *(step for table in tables.values() for step in table)])
    steps: list[dict[str, Any]] = []
    for number in range(last + 1):
        step: dict[str, Any] = {key: table[number] for key, table in tables.items() if number in table}
        if number in changes:
            step["weights"] = changes[number]
        if number in resets:
            step["reset_bonds"] = resets[number]
        steps.append(step)
    return steps


def _resets(value: Any) -> dict[int, list[int]]:
    """Step to uids whose bonds are forgotten then: ``{"20": 3}``, or ``{"step": 20, "uid": 3}``, or a list of these."""
    if isinstance(value, list):
        return {step: uids for each in value for step, uids in _resets(each).items()}
    if not isinstance(value, dict):
        raise UnknownVectorError(f"a reset of bonds was {value!r}")
    step = next((value[name] for name in ("step", "epoch") if name in value), None)
    if step is None:
        return {int(at): uids if isinstance(uids, list) else [uids] for at, uids in value.items()}
    uids = next((value[name] for name in ("uid", "uids", "column") if name in value), None)
    if uids is None:
        raise UnknownVectorError(f"a reset of bonds was {value!r}")
    return {int(step): uids if isinstance(uids, list) else [int(uids)]}


def _by_step(table: Any) -> dict[int, Any]:
    return {int(step): value for step, value in table.items()} if isinstance(table, dict) else dict(enumerate(table))


def _change(subnet: Subnet, name: str, value: Any) -> None:
    if name == "set_weights":
        for uid, pairs in value.items():
            subnet.set_weights(int(uid), [(int(to), int(weight)) for to, weight in pairs])
    elif name == "weights":  # rows are the first uids, columns the last ones
        for uid, row in enumerate(value):
            first = subnet.n - len(row)
            subnet.set_weights(uid, [(first + column, int(weight)) for column, weight in enumerate(row)])
    elif name == "stake":
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for uid, held in pairs:
            subnet.stake[int(uid)] = int(held)
    elif name in ("register", "reset_bonds"):
        action: Callable[[int], None] = getattr(subnet, name)
        for uid in value if isinstance(value, list) else [value]:
            action(int(uid))
    elif name == "advance":
        subnet.block += int(value) - 1
    elif name == "block":
        subnet.block = int(value)
    elif name == "params":
        subnet.params.update(_params(value))
    elif name not in ("note", "epochs"):
        raise UnknownVectorError(f"unknown change {name!r}; there are {', '.join(CHANGES)}")


def _expected(key: str) -> bool:
    return key in EXPECTED or key in EXPECTED_ALIASES


def _compare(subnet: Subnet, outputs: EpochOutputs, expected: Mapping[str, Any], tolerance: float) -> Iterator[str]:
    bonds = np.zeros((subnet.n, subnet.n), np.int64)
    bonds[outputs.bonds.uids] = outputs.bonds.values
    for name, wanted in expected.items():
        key = EXPECTED_ALIASES.get(name, name)
        if key in ("bonds_column", "bonds_row"):
            for index, numbers in wanted.items():
                line = bonds[:, int(index)] if key == "bonds_column" else bonds[int(index)]
                yield from _differences(f"{key} {index}", line[: len(numbers)], numbers, tolerance, "u16")
        elif key == "bonds":
            columns = len(wanted[0])
            for uid, numbers in enumerate(wanted):
                yield from _differences(f"bonds {uid}", bonds[uid, subnet.n - columns :], numbers, tolerance, "u16")
        else:
            computed = getattr(outputs, key)
            if isinstance(wanted, dict):
                computed, wanted = [computed[int(uid)] for uid in wanted], list(wanted.values())
            elif not isinstance(wanted, list):
                wanted = [wanted] * subnet.n
            unit = "rao" if key.endswith("emission") else "bool" if key in ("active", "permits") else "u16"
            yield from _differences(key, computed[: len(wanted)], wanted, tolerance, unit)


def _differences(what: str, computed: Any, wanted: list[Any], tolerance: float, unit: str) -> Iterator[str]:
    numbers = [int(number) for number in computed]
    if unit == "bool" or (tolerance == 0 and all(isinstance(number, int) for number in wanted)):
        if numbers != [int(number) for number in wanted]:
            yield f"{what} is {numbers}, expected {wanted}"
        return
    scale = 1 if unit == "rao" else 65_535
    bound = tolerance if unit == "u16" else max(tolerance, 1)
    for number, target in zip(numbers, wanted, strict=True):
        if abs(number / scale - target) > bound:
            yield f"{what} is {[round(each / scale, 4) for each in numbers]}, expected {wanted}"
            return


def _u16(share: float) -> int:
    """A bound given as a part of 1, or of 65535."""
    return int(share * 65_535 + 0.5) if isinstance(share, float) and share <= 1 else int(share)
