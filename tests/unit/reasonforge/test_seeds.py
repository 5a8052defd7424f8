from collections import Counter

import msgspec
import pytest

from taostack.reasonforge.errors import TaskError
from taostack.reasonforge.rules import DEFAULT
from taostack.reasonforge.tasks import registry, seeds


def test_hkdf_gives_what_rfc_5869_prints():
    found = seeds.hkdf(bytes([0x0B] * 22), bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert found.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    assert seeds.hkdf(bytes([0x0B] * 22), b"", b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    with pytest.raises(TaskError):
        seeds.hkdf(b"", b"", b"", 8_161)


def test_framing_keeps_parts_apart():
    assert seeds.framed("ab", "c") != seeds.framed("a", "bc")


def test_a_commitment_binds_seed_subnet_epoch_and_validator():
    one = {"netuid": 1, "epoch": 2, "validator": "v"}
    base = seeds.seed_commitment(b"s" * 32, **one)
    assert base == seeds.seed_commitment(b"s" * 32, **one)
    others = [
        seeds.seed_commitment(b"t" * 32, **one),
        *(seeds.seed_commitment(b"s" * 32, **{**one, key: value}) for key, value in (("netuid", 2), ("epoch", 3))),
        seeds.seed_commitment(b"s" * 32, **{**one, "validator": "w"}),
    ]
    assert base not in others


def test_every_hotkey_slot_and_attempt_has_its_own_variant():
    variants = {
        seeds.variant_seed(b"s" * 32, hotkey=hotkey, slot=slot, attempt=attempt)
        for hotkey in "abc"
        for slot in range(3)
        for attempt in (1, 2)
    }
    assert len(variants) == 18


def test_audits_happen_at_the_rate_asked_for():
    count = sum(seeds.is_audited(bytes([n % 256, n // 256]), slot, 0.15) for n in range(500) for slot in range(12))
    assert 0.13 < count / 6_000 < 0.17
    assert not any(seeds.is_audited(b"s", slot, 0.0) for slot in range(100))
    assert all(seeds.is_audited(b"s", slot, 1.0) for slot in range(100))


def test_draws_are_uniform_and_within_bounds():
    source = seeds.Draw(b"seed")
    counts = Counter(source.below(7) for _ in range(7_000))
    assert set(counts) == set(range(7))
    assert all(850 < count < 1_150 for count in counts.values())
    assert {source.between(-1, 1) for _ in range(100)} == {-1, 0, 1}
    assert {source.nonzero(-1, 1) for _ in range(100)} == {-1, 1}
    assert sorted(source.shuffled(range(9))) == list(range(9))
    assert len(set(source.sample(range(9), 4))) == 4
    assert source.pick("a") == "a"
    assert 400 < sum(source.chance(1, 2) for _ in range(1_000)) < 600
    with pytest.raises(TaskError):
        source.below(0)


def test_all_miners_get_the_same_slots_and_each_its_own_question():
    plan = registry.plan(b"s" * 32)
    assert len(plan) == DEFAULT.tasks_per_epoch
    tasks = [registry.task_for(b"s" * 32, plan[0], epoch=1, hotkey=hotkey) for hotkey in ("a", "b")]
    assert tasks[0].difficulty == tasks[1].difficulty
    assert tasks[0].family == tasks[1].family
    assert tasks[0].statement != tasks[1].statement
    assert tasks[0].task_id != tasks[1].task_id


def test_a_plan_spreads_families_and_levels_evenly():
    rules = msgspec.structs.replace(DEFAULT, tasks_per_epoch=64)
    plan = registry.plan(b"s" * 32, rules=rules)
    assert set(Counter(slot.family for slot in plan).values()) == {8}
    levels = Counter((slot.family, slot.level) for slot in plan)
    assert set(levels.values()) == {2}


def test_a_plan_can_be_restricted_to_some_families():
    plan = registry.plan(b"s" * 32, families=("lattice_paths",))
    assert {slot.family for slot in plan} == {"lattice_paths"}


def test_a_trap_rate_of_zero_audits_nothing():
    rules = msgspec.structs.replace(DEFAULT, trap_rate=0.0)
    assert not any(slot.audited for slot in registry.plan(b"s" * 32, rules=rules))
