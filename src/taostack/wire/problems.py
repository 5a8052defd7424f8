"""Stable problem codes and the response body that carries them.

The body follows RFC 9457 (``application/problem+json``) with two members
of our own: ``code``, which programs compare and which is never reused, and
``id``, present only for ``internal`` and found again in the log.
"""

from typing import NamedTuple

import msgspec

from taostack.wire.errors import ProblemError

MEDIA_TYPE = b"application/problem+json"


class ProblemKind(NamedTuple):
    """One line of the table: stable code, HTTP status, title."""

    code: str
    status: int
    title: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON body of an error response."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    id: str = ""


ROUTE_UNKNOWN = ProblemKind("route-unknown", 404, "No such route")
METHOD = ProblemKind("method", 405, "Method not allowed")
HEADERS_TOO_LARGE = ProblemKind("headers-too-large", 431, "Request headers too large")
HEADERS_TOO_SLOW = ProblemKind("headers-too-slow", 408, "Request headers came too slowly")
NOT_HTTP = ProblemKind("not-http", 400, "Not a valid HTTP request")
BODY_TOO_LARGE = ProblemKind("body-too-large", 413, "Request body too large")
BODY_TOO_SLOW = ProblemKind("body-too-slow", 408, "Request body came too slowly")
BODY_INVALID = ProblemKind("body-invalid", 400, "Request body is not a valid message")
MEDIA_UNSUPPORTED = ProblemKind("media-unsupported", 415, "Content type or encoding not supported")
AUTH_MALFORMED = ProblemKind("auth-malformed", 400, "Authentication headers malformed")
AUTH_RECEIVER = ProblemKind("auth-receiver", 401, "Signed for another receiver")
AUTH_STALE = ProblemKind("auth-stale", 401, "Nonce outside the freshness window")
AUTH_SIGNATURE = ProblemKind("auth-signature", 401, "Signature does not verify")
AUTH_REPLAYED = ProblemKind("auth-replayed", 401, "Nonce already used")
REPLAY_STORE_FULL = ProblemKind("replay-store-full", 503, "Replay protection cannot take more requests")
DENIED = ProblemKind("denied", 403, "Hotkey is denied")
NOT_REGISTERED = ProblemKind("not-registered", 403, "Hotkey is not registered")
NO_PERMIT = ProblemKind("no-permit", 403, "Hotkey holds no validator permit")
STAKE_TOO_LOW = ProblemKind("stake-too-low", 403, "Stake below the minimum")
DIRECTORY_STALE = ProblemKind("directory-stale", 503, "Metagraph unknown or too old")
RATE_LIMITED = ProblemKind("rate-limited", 429, "Too many requests from this hotkey")
BUSY = ProblemKind("busy", 503, "No free slot")
HANDLER_REFUSED = ProblemKind("handler-refused", 422, "The handler refused the request")
HANDLER_TIMEOUT = ProblemKind("handler-timeout", 504, "The handler took too long")
STOPPING = ProblemKind("stopping", 503, "Shutting down")
INTERNAL = ProblemKind("internal", 500, "Internal error")

ALL: tuple[ProblemKind, ...] = tuple(kind for kind in list(globals().values()) if isinstance(kind, ProblemKind))

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Problem)


def problem_body(kind: ProblemKind, detail: str, *, error_id: str = "") -> bytes:
    """The JSON body of a problem response."""
    return _encoder.encode(
        Problem(f"urn:taostack:problem:{kind.code}", kind.title, kind.status, kind.code, detail, error_id)
    )


def read_problem(body: bytes) -> Problem | None:
    """A peer's problem body, or ``None`` when it is something else."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def refuse(detail: str) -> ProblemError:
    """The error a handler raises to refuse a request on purpose (422 ``handler-refused``)."""
    return ProblemError(HANDLER_REFUSED, detail)
