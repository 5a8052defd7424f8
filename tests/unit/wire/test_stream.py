"""Frames and their signed trailer."""

import pytest

from taostack.wire.stream import DATA, FrameError, FrameReader, FrameWriter, Trailer, read_trailer
from tests.integration.wire.support import ALICE, BOB

NONCE = 7


def written(*payloads: bytes, outcome: str = "ok") -> bytes:
    """A whole stream by Bob, for a request of Alice."""
    writer = FrameWriter()
    frames = b"".join(writer.data(payload) for payload in payloads)
    return frames + writer.trailer(BOB, "sr25519", outcome, "", NONCE, ALICE.ss58_address)


def read(data: bytes, *, step: int = 1 << 20, responder: str = BOB.ss58_address, nonce: int = NONCE) -> list[bytes]:
    """The items of a stream that holds; raises otherwise."""
    reader = FrameReader(1000)
    items: list[bytes] = []
    trailer: Trailer | None = None
    for start in range(0, len(data), step):
        for frame in reader.feed(data[start : start + step]):
            if frame.kind == DATA:
                items.append(frame.payload)
            else:
                trailer = read_trailer(
                    frame.payload, reader, responder=responder, nonce_ns=nonce, sender=ALICE.ss58_address
                )
    if trailer is None:
        raise ValueError("no trailer")
    return items


@pytest.mark.parametrize("step", [1, 3, 7, 1 << 20])
def test_frames_come_out_as_they_went_in_however_they_are_cut(step: int) -> None:
    payloads = [b"a", b"", b"x" * 1000, b"end"]
    assert read(written(*payloads), step=step) == payloads


def test_an_empty_stream_is_a_stream() -> None:
    assert read(written()) == []


def test_every_altered_byte_is_noticed() -> None:
    whole = written(b"first", b"second")
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 1
        try:
            items = read(bytes(altered))
        except ValueError:
            continue
        # A JSON spelling of the trailer may change without changing what it says (never the items).
        assert items == [b"first", b"second"]


def test_a_dropped_repeated_or_reordered_item_is_noticed() -> None:
    writer = FrameWriter()
    first, second = writer.data(b"first"), writer.data(b"second")
    trailer = writer.trailer(BOB, "sr25519", "ok", "", NONCE, ALICE.ss58_address)
    assert read(first + second + trailer) == [b"first", b"second"]
    for forged in (first + trailer, second + first + trailer, first + first + second + trailer, first + second):
        with pytest.raises(ValueError):  # noqa: PT011 - any of several reasons
            read(forged)


def test_a_stream_belongs_to_one_request_and_one_responder() -> None:
    with pytest.raises(ValueError, match="another hotkey"):
        read(written(b"x"), responder=ALICE.ss58_address)
    with pytest.raises(ValueError, match="does not verify"):
        read(written(b"x"), nonce=NONCE + 1)


@pytest.mark.parametrize(
    "data",
    [
        (1001).to_bytes(4, "big") + bytes((0,)),
        (5000).to_bytes(4, "big") + bytes((1,)),
        (1).to_bytes(4, "big") + bytes((9,)) + b"x",
        b"\xff" * 100,
    ],
)
def test_frames_beyond_the_bounds_are_refused_from_their_head(data: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader(1000).feed(data))


def test_nothing_may_follow_the_trailer() -> None:
    with pytest.raises(FrameError):
        read(written(b"x") + b"\0")
    with pytest.raises(FrameError):
        read(written(b"x") + written(b"y"))


def test_a_trailer_that_is_no_trailer_is_refused() -> None:
    payload = b'{"items":0}'
    with pytest.raises(ValueError, match="no trailer"):
        read(len(payload).to_bytes(4, "big") + bytes((1,)) + payload)
