"""The v10 side of a dendrite: asks unmodified v10 axons."""

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from taostack.wire import answer
from taostack.wire.answer import Failure
from taostack.wire.endpoint import Endpoint
from taostack.wire.message import DECODE_ERRORS, Route
from taostack.wire.signing import Signer
from taostack.wire.v10 import headers as v10_headers
from taostack.wire.v10.hashing import message_hash, plain
from taostack.wire.v10.shape import V10Shape

CODES: Mapping[int, str] = {
    400: "v10-bad-request",
    401: "v10-not-verified",
    403: "v10-blacklisted",
    404: "v10-unknown-synapse",
    408: "v10-timeout",
    422: "v10-unprocessable",
    500: "v10-internal",
    503: "v10-busy",
}
"""Our failure codes for a v10 axon's statuses; its 500 also means a malformed request or a body hash mismatch."""

_OUT_OF_ORDER = "a newer one was last processed"


class Prepared(NamedTuple):
    """A request ready to be posted."""

    path: str
    headers: dict[str, str]
    body: bytes


def prepare(
    signer: Signer,
    shape: V10Shape,
    endpoint: Endpoint,
    request: msgspec.Struct,
    *,
    nonce_ns: int,
    uuid: str,
    timeout_seconds: float,
) -> Prepared:
    """Sign a request as v10 wants it; ``msgspec.ValidationError`` or ``TypeError`` when it has no JSON form."""
    hashed = message_hash(request, shape.hash_fields)
    sender = signer.ss58_address
    signature = signer.sign(v10_headers.signed_text(nonce_ns, sender, endpoint.hotkey, uuid, hashed))
    # Handlers of v10 miners read who asks from the body's copy of the header, so it has to be there.
    body = msgspec.json.encode(
        {
            "name": shape.name,
            "timeout": timeout_seconds,
            "dendrite": {
                "hotkey": sender,
                "nonce": nonce_ns,
                "uuid": uuid,
                "signature": "0x" + signature.hex(),
                "version": v10_headers.VERSION,
            },
            "axon": {"ip": endpoint.host, "port": endpoint.port, "hotkey": endpoint.hotkey},
            **{name: getattr(request, name) for name in request.__struct_fields__},
        }
    )
    headers = v10_headers.request_headers(
        shape.name,
        timeout_seconds=timeout_seconds,
        host=endpoint.host,
        port=endpoint.port,
        receiver=endpoint.hotkey,
        claims=v10_headers.Claims(sender, nonce_ns, uuid, hashed, signature),
        body_bytes=len(body),
    )
    headers.update(_dummies(request))
    return Prepared(f"/{shape.name}", headers, body)


def _dummies(request: msgspec.Struct) -> dict[str, str]:
    """An empty value of each required field's type: v10 builds a synapse of the headers before it reads the body."""
    dummies = {}
    for field in msgspec.structs.fields(request):
        if not field.required:
            continue
        value = plain(getattr(request, field.name))
        if value is None:
            continue
        empty = json.dumps(type(value)() if not isinstance(value, tuple | set | frozenset) else [])
        dummies[f"bt_header_input_obj_{field.name}"] = base64.b64encode(empty.encode()).decode()
    return dummies


def read_reply(route: Route[Any, Any], status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The typed reply, or a ``Failure``."""
    if status != 200:
        return refusal(status, body)
    said = headers.get("bt_header_axon_status_code")
    if said is not None and said != "200":
        return Failure("v10-failed", (headers.get("bt_header_axon_status_message") or "")[:200], status)
    try:
        fields = msgspec.json.decode(body)
        if not isinstance(fields, dict):
            raise ValueError("reply is not an object")
        wanted = {name: fields[name] for name in route.reply.__struct_encode_fields__ if name in fields}
        return msgspec.convert(wanted, route.reply)
    except DECODE_ERRORS as error:
        return Failure(answer.GARBAGE, str(error)[:200], status)


def refusal(status: int, body: bytes) -> Failure:
    """A v10 axon's error response as a ``Failure``."""
    message = ""
    try:
        decoded = msgspec.json.decode(body)
    except DECODE_ERRORS:
        decoded = None
    if isinstance(decoded, dict):
        message = str(decoded.get("message") or decoded.get("detail") or "")[:200]
    # Calls in parallel overtake each other, and v10 wants rising nonces; refused like that, it reached no handler.
    return Failure(CODES.get(status, f"http-{status}"), message, status, retriable=_OUT_OF_ORDER in message)
