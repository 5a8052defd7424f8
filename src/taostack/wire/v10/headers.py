"""The headers of a v10 request and response."""

from collections.abc import Mapping
from typing import NamedTuple

from taostack.wire import problems, signing
from taostack.wire.errors import ProblemError

VERSION = 10_005_000
"""What we say we are: major*1e6 + minor*1e3 + patch of the SDK whose protocol this is."""

_UUID_LIMIT = 64
_HASH_LENGTH = 64


class Claims(NamedTuple):
    """What the headers of a v10 request claim."""

    hotkey: str
    nonce_ns: int
    uuid: str
    body_hash: str
    signature: bytes


def signed_text(nonce_ns: int, sender: str, receiver: str, uuid: str, body_hash: str) -> bytes:
    """The signed bytes of a v10 request."""
    return f"{nonce_ns}.{sender}.{receiver}.{uuid}.{body_hash}".encode()


def read_claims(headers: Mapping[bytes, bytes]) -> Claims:
    """Parse the headers of a request; raises ``ProblemError`` (``auth-malformed``)."""

    def text(name: bytes) -> str:
        value = headers.get(name)
        if not value:
            raise ProblemError(problems.AUTH_MALFORMED, f"header {name.decode()} is missing")
        return value.decode("latin-1")

    uuid = text(b"bt_header_dendrite_uuid")
    body_hash = text(b"computed_body_hash")
    if len(uuid) > _UUID_LIMIT or not uuid.isascii() or len(body_hash) != _HASH_LENGTH or not body_hash.isascii():
        raise ProblemError(problems.AUTH_MALFORMED, "uuid or body hash is malformed")
    return Claims(
        text(b"bt_header_dendrite_hotkey"),
        signing.parse_nonce(text(b"bt_header_dendrite_nonce")),
        uuid,
        body_hash,
        signing.parse_signature(text(b"bt_header_dendrite_signature")),
    )


def request_headers(
    synapse: str, *, timeout_seconds: float, host: str, port: int, receiver: str, claims: Claims, body_bytes: int
) -> dict[str, str]:
    """The headers that an unmodified v10 axon wants to see.

    The ``bt_header_input_obj_*`` of required fields, which carry only dummies,
    come from ``dummy_headers``.
    """
    return {
        "Content-Type": "application/json",
        "name": synapse,
        "timeout": str(timeout_seconds),
        "bt_header_axon_ip": host,
        "bt_header_axon_port": str(port),
        "bt_header_axon_hotkey": receiver,
        "bt_header_dendrite_ip": "0.0.0.0",  # noqa: S104 - a claim that nobody reads, not a bind address
        "bt_header_dendrite_version": str(VERSION),
        "bt_header_dendrite_nonce": str(claims.nonce_ns),
        "bt_header_dendrite_uuid": claims.uuid,
        "bt_header_dendrite_hotkey": claims.hotkey,
        "bt_header_dendrite_signature": "0x" + claims.signature.hex(),
        "header_size": "0",
        "total_size": str(body_bytes),
        "computed_body_hash": claims.body_hash,
    }


def status_headers(status: int, message: str, process_seconds: float | None = None) -> list[tuple[bytes, bytes]]:
    """The headers by which a v10 dendrite learns how the call went."""
    headers = [
        (b"bt_header_axon_status_code", b"%d" % status),
        (b"bt_header_axon_status_message", _one_line(message)),
    ]
    if process_seconds is not None:
        headers.append((b"bt_header_axon_process_time", f"{process_seconds:.6f}".encode()))
    return headers


def _one_line(text: str) -> bytes:
    return " ".join(text.split()).encode("ascii", "replace")[:500]
