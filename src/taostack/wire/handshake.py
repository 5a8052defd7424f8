"""What an axon says of itself: protocols, routes, encodings and its clock.

Served on every axon, to any hotkey that signs: a stranger may ask how to talk
before it is registered. The reply is signed like any other.
"""

from typing import NamedTuple

import msgspec

from taostack.wire import compression, signing
from taostack.wire.message import Message, Route


class RouteName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One served route."""

    name: str
    version: int
    streams: bool = False
    v10: str = ""


class HandshakeRequest(Message, frozen=True):
    """Asks; says nothing."""


class Handshake(Message, frozen=True):
    """What the axon speaks."""

    hotkey: str
    protocols: tuple[str, ...]
    encodings: tuple[str, ...]
    routes: tuple[RouteName, ...]
    body_bytes: int
    now_ms: int


class Dialects(NamedTuple):
    """Protocol names of the handshake."""

    request: str = signing.PROTOCOL
    response: str = signing.RESPONSE_PROTOCOL
    stream: str = signing.STREAM_PROTOCOL
    v10: str = "v10"


DIALECTS = Dialects()

HANDSHAKE: Route[HandshakeRequest, Handshake] = Route("handshake", 1, HandshakeRequest, Handshake, idempotent=True)
"""The route; served by every ``Axon``."""


def protocols(speaks_v10: bool) -> tuple[str, ...]:
    """The protocol list of an axon."""
    own = (DIALECTS.request, DIALECTS.response, DIALECTS.stream)
    return (*own, DIALECTS.v10) if speaks_v10 else own


def encodings() -> tuple[str, ...]:
    """The content encodings that are understood."""
    return ("identity", compression.ENCODING) if compression.AVAILABLE else ("identity",)
