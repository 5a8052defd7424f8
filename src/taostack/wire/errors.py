"""What can go wrong between neurons, by what the caller can do about it.

TaostackError
├── UsageError
│   └── RouteError            a route or message type breaks the rules of the wire
├── UnavailableError
│   ├── PortTakenError        the address to listen on cannot be had
│   └── ReplayFileError       the file of a replay store cannot be opened
├── RefusedError
│   ├── ProblemError          a request is answered with a problem (status + stable code)
│   └── CallError             a call has no usable reply: carries the ``Failure``
│       └── StreamBrokenError a stream ended without a valid signed trailer
└── StateError
    └── NotOpenError          the axon or dendrite is used before ``async with`` or after it

A server never lets these out: ``ProblemError`` becomes a problem response.
A dendrite never raises for what a peer did: it returns a ``Failure``;
only a stream, which yields as it goes, raises ``StreamBrokenError`` at its end.
"""

from typing import TYPE_CHECKING

from taostack.process.errors import RefusedError, StateError, UnavailableError, UsageError

if TYPE_CHECKING:
    from taostack.wire.answer import Failure
    from taostack.wire.problems import ProblemKind


class RouteError(UsageError):
    """A route, message type, rule or limit was declared wrongly."""

    code = "wire-route"
    remedy = "derive messages from taostack.wire.Message and give the route a lower-case name and a version from 1"


class PortTakenError(UnavailableError):
    """The axon cannot listen where it was told to."""

    code = "wire-port-taken"
    remedy = "stop the process that holds the port, or choose another one (0 picks a free one)"


class ReplayFileError(UnavailableError):
    """The file of a replay store cannot be opened."""

    code = "wire-replay-file"
    remedy = "make its folder writable; a damaged file may be deleted once the process has been down for a minute"


class ProblemError(RefusedError):
    """A request that is answered with a problem response.

    Handlers may raise it to refuse a request on purpose; ``kind`` fixes the
    status and the stable code, the message is sent as ``detail``.
    """

    code = "wire-problem"
    remedy = "see the problem code in docs/wire.md"

    def __init__(self, kind: "ProblemKind", detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class CallError(RefusedError):
    """A call ended without a usable reply; ``failure`` says why."""

    code = "wire-call"
    remedy = "read the failure's code: it names the reason and whether a retry can help"

    def __init__(self, failure: "Failure") -> None:
        super().__init__(f"{failure.code}: {failure.detail}")
        self.failure = failure


class StreamBrokenError(CallError):
    """A stream ended early, was altered, or carries no valid signed trailer."""

    code = "wire-stream-broken"
    remedy = "discard what was received: only a stream with a valid trailer is authentic"


class NotOpenError(StateError):
    """The object is used outside its ``async with`` block."""

    code = "wire-not-open"
    remedy = "use it inside `async with`"
