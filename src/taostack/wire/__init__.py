"""Signed, typed messages between neurons: ``Axon`` answers, ``Dendrite`` asks, ``Gate`` decides who may.

The layer that bittensor 11 no longer has, on its own signed-request standard
(btauth/1), with signed replies, and able to talk to unmodified v10 neurons.
"""

from taostack.wire.answer import Answer, Failure
from taostack.wire.axon import Axon
from taostack.wire.caller import Caller
from taostack.wire.dendrite import Dendrite
from taostack.wire.endpoint import Endpoint
from taostack.wire.errors import CallError, NotOpenError, PortTakenError, ProblemError, RouteError, StreamBrokenError
from taostack.wire.gate import Gate, GateRules, open_gate
from taostack.wire.limits import AxonLimits, DendriteLimits
from taostack.wire.message import Message, Route, StreamRoute
from taostack.wire.problems import refuse
from taostack.wire.replay import MemoryReplayStore, SqliteReplayStore
from taostack.wire.v10.shape import V10Shape

__all__ = [
    "Answer",
    "Axon",
    "AxonLimits",
    "CallError",
    "Caller",
    "Dendrite",
    "DendriteLimits",
    "Endpoint",
    "Failure",
    "Gate",
    "GateRules",
    "MemoryReplayStore",
    "Message",
    "NotOpenError",
    "PortTakenError",
    "ProblemError",
    "Route",
    "RouteError",
    "SqliteReplayStore",
    "StreamBrokenError",
    "StreamRoute",
    "V10Shape",
    "open_gate",
    "refuse",
]
