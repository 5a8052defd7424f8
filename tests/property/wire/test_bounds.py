"""What holds for any sequence: nonces once, rates kept, frames whole."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from taostack.process.clock import ManualClock
from taostack.wire import stream
from taostack.wire.gate import TokenBuckets
from taostack.wire.replay import MemoryReplayStore, Verdict

SECOND = 1_000_000_000


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.floats(0, 5), st.floats(-12, 2), st.sampled_from("ab"), st.sampled_from("xy")), max_size=60
    )
)
def test_no_nonce_is_ever_accepted_twice(steps: list[tuple[float, float, str, str]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        store = MemoryReplayStore(clock, retention_seconds=14)
        accepted: list[tuple[str, str, int]] = []
        for pause, offset, receiver, sender in steps:
            await clock.advance(pause)
            nonce = clock.now_ns() + round(offset * SECOND)
            key = (receiver, sender, nonce)
            verdict = await store.check_and_store(*key)
            assert (verdict is Verdict.NEW) == (key not in accepted)
            accepted.append(key)
            for old in accepted:
                assert await store.check_and_store(*old) is Verdict.SEEN

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(pauses=st.lists(st.floats(0, 3), max_size=80), rate=st.floats(0.1, 20), burst=st.integers(1, 10))
def test_no_window_of_time_sees_more_than_burst_and_rate(pauses: list[float], rate: float, burst: int) -> None:
    async def run() -> None:
        clock = ManualClock()
        buckets = TokenBuckets(clock, rate, burst)
        taken: list[float] = []
        for pause in pauses:
            await clock.advance(pause)
            if buckets.take("hotkey"):
                taken.append(clock.monotonic())
        for first, start in enumerate(taken):
            for last, end in enumerate(taken[first:], first):
                assert last - first + 1 <= burst + rate * (end - start) + 1e-6

    asyncio.run(run())


@settings(max_examples=150, deadline=None)
@given(payloads=st.lists(st.binary(max_size=200), max_size=20), cuts=st.lists(st.integers(1, 50), min_size=1))
def test_frames_are_the_same_however_the_network_cuts_them(payloads: list[bytes], cuts: list[int]) -> None:
    writer, reader = stream.FrameWriter(), stream.FrameReader(200)
    data = b"".join(writer.data(payload) for payload in payloads)
    found: list[bytes] = []
    position, turn = 0, 0
    while position < len(data):
        size = cuts[turn % len(cuts)]
        found += [frame.payload for frame in reader.feed(data[position : position + size])]
        position, turn = position + size, turn + 1
    assert found == payloads
    assert reader.items == len(payloads)
