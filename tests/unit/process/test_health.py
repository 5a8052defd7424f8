from taostack.process.clock import ManualClock
from taostack.process.health import Health


def test_a_process_that_has_reported_nothing_lives_but_is_not_ready() -> None:
    health = Health(ManualClock())
    assert health.live
    assert not health.ready


def test_one_sick_part_makes_the_process_unready_but_leaves_it_alive() -> None:
    health = Health(ManualClock())
    health.set("chain", True)
    health.set("axon", False, "port taken")
    assert not health.ready
    assert health.live
    health.set("axon", True)
    assert health.ready


def test_a_broken_vital_part_ends_the_life() -> None:
    health = Health(ManualClock())
    health.set("epochs", False, "out of restarts", vital=True)
    assert not health.live


async def test_a_part_that_falls_silent_counts_as_broken_and_says_so() -> None:
    clock = ManualClock()
    health = Health(clock)
    health.set("heads", True, vital=True, fresh_seconds=30)
    await clock.advance(30)
    assert health.live
    await clock.advance(1)
    assert not health.live
    assert health.parts["heads"].detail == "silent for 31 s"
    health.set("heads", True, vital=True, fresh_seconds=30)
    assert health.live


def test_a_part_that_was_removed_no_longer_counts() -> None:
    health = Health(ManualClock())
    health.set("chain", True)
    health.set("import", False)
    health.remove("import")
    health.remove("never reported")
    assert health.ready
