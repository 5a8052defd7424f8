"""What a dendrite brings back: a reply, or the reason why there is none."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from taostack.wire.endpoint import Endpoint
from taostack.wire.errors import CallError

Reply = TypeVar("Reply")

ENDPOINT = "endpoint"
"""The endpoint cannot be called (0.0.0.0, port 0, no address)."""
CONNECT = "connect"
"""No connection: refused, unreachable, or not within the connect time."""
DISCONNECTED = "disconnected"
"""The connection broke before the reply was complete."""
TIMEOUT = "timeout"
"""No complete reply within the call's deadline."""
ROUND_DEADLINE = "round-deadline"
"""The round ended before this call did (or could start)."""
TOO_LARGE = "too-large"
"""The reply, before or after decompression, is larger than allowed."""
NOT_HTTP = "not-http"
"""What came back is not HTTP."""
UNSIGNED = "unsigned"
"""The reply carries no signature."""
WRONG_HOTKEY = "wrong-hotkey"
"""Somebody else than the endpoint's hotkey answered."""
BAD_SIGNATURE = "bad-signature"
"""The reply's signature does not verify."""
GARBAGE = "garbage"
"""The reply is authentic but not a valid message: wrong type, unknown field, NaN."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no reply.

    ``code`` is one of this module's constants, a peer's problem code (then
    ``status`` is set), or ``http-<status>``. ``authentic`` says whether the
    endpoint's hotkey signed the refusal; without that anybody on the path
    may have made it. ``retriable`` is true when the request cannot have
    reached a handler.
    """

    code: str
    detail: str
    status: int | None = None
    authentic: bool = False
    retriable: bool = False


@dataclass(frozen=True, slots=True)
class Answer(Generic[Reply]):
    """The outcome of one call: exactly one of ``reply`` and ``failure`` is set.

    ``latency_seconds`` runs from the moment the request was handed to the
    network to the arrival of the reply's last byte, without waiting for a
    slot, signing, connecting or decoding here; of the last attempt. It is 0
    when nothing was sent. ``signed`` is true when the endpoint's hotkey signed
    the reply (never so with v10).
    """

    endpoint: Endpoint
    reply: Reply | None
    failure: Failure | None
    latency_seconds: float
    attempts: int = 1
    signed: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is a reply."""
        return self.failure is None

    def unwrap(self) -> Reply:
        """The reply; raises ``CallError`` when there is none."""
        if self.failure is not None or self.reply is None:
            raise CallError(self.failure or Failure(GARBAGE, "empty"))
        return self.reply
