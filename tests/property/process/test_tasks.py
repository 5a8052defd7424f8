import random

from hypothesis import given
from hypothesis import strategies as st

from taostack.process.tasks import backoff_seconds

seconds = st.floats(min_value=0, max_value=1e6)


@given(st.integers(0, 10**6), seconds, seconds, st.integers())
def test_a_pause_lies_between_nothing_and_the_smaller_of_cap_and_doubled_base(
    attempt: int, base: float, cap: float, seed: int
) -> None:
    pause = backoff_seconds(attempt, base, cap, random.Random(seed))
    assert 0 <= pause <= cap
    if attempt <= 20:
        assert pause <= base * 2**attempt


@given(st.integers(0, 100), seconds, seconds, st.integers())
def test_the_same_generator_gives_the_same_pause(attempt: int, base: float, cap: float, seed: int) -> None:
    first = backoff_seconds(attempt, base, cap, random.Random(seed))
    assert first == backoff_seconds(attempt, base, cap, random.Random(seed))
