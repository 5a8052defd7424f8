"""Framed, signed streaming: ``application/vnd.taostack.frames``.

A frame is a 4-byte big-endian payload length, one byte of kind, the payload.
Kind 0 is an item (encoded as the header ``X-Taostack-Item-Type`` says), kind 1
the trailer, which is the last frame: JSON with the number of items, how the
stream ended (``ok`` or a problem code), and a btauth-stream/1 signature over
the running sha256 of all frames before it, the request's nonce and sender.
Items can be used as they come; they are authentic once the trailer verified.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

import msgspec

from taostack.wire import signing
from taostack.wire.signing import Signer

MEDIA_TYPE = "application/vnd.taostack.frames"
ITEM_TYPE_HEADER = "X-Taostack-Item-Type"
HEAD_BYTES = 5
DATA = 0
TRAILER = 1
TRAILER_LIMIT_BYTES = 4096


class Trailer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last frame of a stream."""

    items: int
    outcome: str
    hotkey: str
    crypto: str
    signature: str
    id: str = ""


class Frame(NamedTuple):
    """One frame as received."""

    kind: int
    payload: bytes


class FrameError(ValueError):
    """The bytes are not a stream of frames, or a frame is too large."""


class FrameWriter:
    """Makes the frames of one stream and keeps their running hash."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._items = 0

    def data(self, payload: bytes) -> bytes:
        """The frame of one item."""
        frame = len(payload).to_bytes(4, "big") + bytes((DATA,)) + payload
        self._hash.update(frame)
        self._items += 1
        return frame

    def trailer(self, signer: Signer, scheme: str, outcome: str, error_id: str, nonce_ns: int, sender: str) -> bytes:
        """The signed last frame; ``nonce_ns`` and ``sender`` are the request's."""
        hotkey = signer.ss58_address
        signed = signing.stream_payload(scheme, self._hash.hexdigest(), self._items, outcome, nonce_ns, sender, hotkey)
        signature = "0x" + signer.sign(signed).hex()
        payload = msgspec.json.encode(Trailer(self._items, outcome, hotkey, scheme, signature, error_id))
        return len(payload).to_bytes(4, "big") + bytes((TRAILER,)) + payload


class FrameReader:
    """Cuts received bytes into frames, bounded, and keeps the running hash of the items."""

    def __init__(self, item_limit_bytes: int) -> None:
        self._limit = item_limit_bytes
        self._buffer = bytearray()
        self._hash = sha256()
        self.items = 0
        self.ended = False

    @property
    def running_hash(self) -> str:
        """Hex sha256 of all data frames so far."""
        return self._hash.hexdigest()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that ``data`` completes; ``FrameError`` when it cannot be a stream of frames."""
        self._buffer += data
        while len(self._buffer) >= HEAD_BYTES:
            if self.ended:
                raise FrameError("bytes after the trailer")
            length = int.from_bytes(self._buffer[:4], "big")
            kind = self._buffer[4]
            limit = self._limit if kind == DATA else TRAILER_LIMIT_BYTES
            if kind not in (DATA, TRAILER) or length > limit:
                raise FrameError(f"a frame of kind {kind} with {length} bytes")
            end = HEAD_BYTES + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            if kind == DATA:
                self._hash.update(frame)
                self.items += 1
            else:
                self.ended = True
            yield Frame(kind, frame[HEAD_BYTES:])
        if self.ended and self._buffer:
            raise FrameError("bytes after the trailer")


_trailer_decoder = msgspec.json.Decoder(Trailer)


def read_trailer(payload: bytes, reader: FrameReader, *, responder: str, nonce_ns: int, sender: str) -> Trailer:
    """The trailer, verified against what was read; ``ValueError`` when it does not hold."""
    try:
        trailer = _trailer_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise ValueError(f"trailer is no trailer: {error}") from None
    if trailer.hotkey != responder:
        raise ValueError("trailer is another hotkey's")
    if trailer.items != reader.items:
        raise ValueError(f"trailer counts {trailer.items} items, {reader.items} came")
    signed = signing.stream_payload(
        trailer.crypto, reader.running_hash, reader.items, trailer.outcome, nonce_ns, sender, responder
    )
    if not signing.response_signature_valid(responder, trailer.crypto, signed, trailer.signature):
        raise ValueError("trailer's signature does not verify")
    return trailer
