"""Slots, and who gets the next one."""

import asyncio
import random
from collections import Counter

import pytest

from taostack.wire import GateRules, ProblemError, problems
from taostack.wire.admission import Admission


def admission(seed: int = 1, **rules: object) -> Admission:
    """An admission with a known generator."""
    defaults: dict[str, object] = {"max_in_flight": 1, "max_in_flight_per_hotkey": 1000, "wait_seconds": 30.0}
    return Admission(GateRules(**(defaults | rules)), random.Random(seed))


async def settle() -> None:
    """Let every ready task run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_free_slot_is_taken_at_once_and_given_back() -> None:
    subject = admission()
    await subject.enter("a", 0)
    assert subject.in_flight == 1
    subject.leave("a")
    assert subject.in_flight == 0


async def test_a_waiting_call_gets_the_slot_that_is_left() -> None:
    subject = admission()
    await subject.enter("a", 0)
    async with asyncio.TaskGroup() as group:
        group.create_task(subject.enter("b", 0))
        await settle()
        assert (subject.in_flight, subject.waiting) == (1, 1)
        subject.leave("a")
    assert (subject.in_flight, subject.waiting) == (1, 0)
    subject.leave("b")
    assert subject.in_flight == 0


async def test_nobody_waits_longer_than_allowed() -> None:
    subject = admission(wait_seconds=0.01)
    await subject.enter("a", 0)
    with pytest.raises(ProblemError) as caught:
        await subject.enter("b", 0)
    assert caught.value.kind is problems.BUSY
    assert subject.waiting == 0
    subject.leave("a")
    assert subject.in_flight == 0


async def test_without_a_waiting_room_a_full_house_refuses() -> None:
    subject = admission(max_waiting=0)
    await subject.enter("a", 0)
    with pytest.raises(ProblemError):
        await subject.enter("b", 10**12)


async def test_one_hotkey_has_only_its_share() -> None:
    subject = admission(max_in_flight=10, max_in_flight_per_hotkey=2)
    await subject.enter("a", 0)
    await subject.enter("a", 0)
    with pytest.raises(ProblemError) as caught:
        await subject.enter("a", 0)
    assert caught.value.kind is problems.BUSY
    await subject.enter("b", 0)
    subject.leave("a")
    await subject.enter("a", 0)


async def test_a_full_waiting_room_sends_the_worst_draw_away() -> None:
    subject = admission(max_waiting=2)
    await subject.enter("holder", 0)
    outcomes: dict[str, str] = {}

    async def wait(name: str, stake: int) -> None:
        try:
            await subject.enter(name, stake)
            outcomes[name] = "in"
            subject.leave(name)
        except ProblemError:
            outcomes[name] = "away"

    async with asyncio.TaskGroup() as group:
        for name, stake in (("whale", 10**12), ("pauper", 0), ("dolphin", 10**9)):
            group.create_task(wait(name, stake))
        await settle()
        assert outcomes == {"pauper": "away"}
        subject.leave("holder")
    assert outcomes == {"pauper": "away", "whale": "in", "dolphin": "in"}
    assert subject.in_flight == 0


async def test_slots_go_by_stake_and_yet_nobody_starves() -> None:
    first: Counter[str] = Counter()
    for seed in range(400):
        subject = admission(seed)
        await subject.enter("holder", 0)
        order: list[str] = []

        async def wait(name: str, stake: int, subject: Admission = subject, order: list[str] = order) -> None:
            await subject.enter(name, stake)
            order.append(name)
            subject.leave(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(wait("three", 3_000_000))
            group.create_task(wait("one", 1_000_000))
            await settle()
            subject.leave("holder")
        first[order[0]] += 1
    assert 0.68 < first["three"] / 400 < 0.82


async def test_a_cancelled_waiter_loses_no_slot() -> None:
    subject = admission()
    await subject.enter("a", 0)
    waiting = asyncio.ensure_future(subject.enter("b", 0))
    await settle()
    waiting.cancel()
    await settle()
    assert subject.waiting == 0
    # Cancelled in the very turn in which the slot came: it must be passed on.
    late = asyncio.ensure_future(subject.enter("c", 0))
    await settle()
    subject.leave("a")
    late.cancel()
    await settle()
    assert (subject.in_flight, subject.waiting) == (0, 0)
    await subject.enter("d", 0)
    assert subject.in_flight == 1
