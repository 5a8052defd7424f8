"""All families, the plan of an epoch, and the task of one hotkey in one slot: pure functions of the seed."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from taostack.reasonforge.errors import TaskError
from taostack.reasonforge.rules import DEFAULT, Rules
from taostack.reasonforge.tasks import seeds
from taostack.reasonforge.tasks.families import (
    characteristic_polynomial,
    chinese_remainder,
    improper_integral,
    lattice_paths,
    linear_recurrence,
    linear_system,
    quadratic_residues,
    restricted_permutations,
)
from taostack.reasonforge.tasks.model import Family, Instance, Task

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        module.FAMILY.name: module.FAMILY
        for module in (
            chinese_remainder,
            characteristic_polynomial,
            improper_integral,
            restricted_permutations,
            linear_recurrence,
            quadratic_residues,
            linear_system,
            lattice_paths,
        )
    }
)


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One task position of an epoch: the same family and difficulty for every hotkey."""

    index: int
    family: str
    level: int
    audited: bool


def family(name: str) -> Family:
    """The family of that name; raises ``TaskError`` when there is none."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise TaskError(f"there is no task family {name!r}", remedy=f"use one of {', '.join(FAMILIES)}") from None


def draw(name: str, level: int, seed: bytes) -> Instance:
    """One instance of a family; raises ``TaskError`` for a level that it does not have."""
    source = family(name)
    if level not in source.levels:
        raise TaskError(f"{name} has no level {level}", remedy=f"use one of {', '.join(map(str, source.levels))}")
    return source.draw(seeds.Draw(seed), level)


def plan(seed: bytes, *, rules: Rules = DEFAULT, families: Sequence[str] = ()) -> tuple[Slot, ...]:
    """The slots of an epoch: families in turn in a drawn order, levels spread evenly, audits by HMAC.

    Every queried miner gets the same slots, so no one is lucky with difficulty.
    """
    names = tuple(families) or tuple(FAMILIES)
    source = seeds.Draw(seeds.plan_seed(seed))
    order: list[str] = []
    while len(order) < rules.tasks_per_epoch:
        order += source.shuffled(names)
    decks: dict[str, list[int]] = {}
    slots = []
    for index, name in enumerate(order[: rules.tasks_per_epoch]):
        if not decks.get(name):
            decks[name] = source.shuffled(family(name).levels)
        audited = seeds.is_audited(seed, index, rules.trap_rate)
        slots.append(Slot(index=index, family=name, level=decks[name].pop(), audited=audited))
    return tuple(slots)


def task_for(seed: bytes, slot: Slot, *, epoch: int, hotkey: str, attempt: int = 1, rules: Rules = DEFAULT) -> Task:
    """The task that ``hotkey`` gets in ``slot``; the same seed always gives the same task."""
    own = seeds.variant_seed(seed, hotkey=hotkey, slot=slot.index, attempt=attempt)
    source = family(slot.family)
    instance = draw(slot.family, slot.level, own)
    return Task(
        task_id=hashlib.sha256(b"rf-id-v1" + seeds.framed(own, source.name, slot.level)).hexdigest()[:32],
        epoch=epoch,
        slot=slot.index,
        attempt=attempt,
        hotkey=hotkey,
        family=source.name,
        family_version=source.version,
        domain=source.domain,
        difficulty=slot.level,
        statement=instance.statement,
        schema=instance.schema,
        truth=instance.truth,
        answer_check=source.answer_check,
        checks=(source.answer_check,),
        threshold=1.0,
        timeout_ms=rules.task_timeout_ms,
        audited=slot.audited,
    )
