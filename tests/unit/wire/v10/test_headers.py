"""The headers of a v10 request."""

import pytest

from taostack.wire import ProblemError, problems
from taostack.wire.v10.headers import read_claims, signed_text, status_headers

GOOD = {
    b"bt_header_dendrite_hotkey": b"5x",
    b"bt_header_dendrite_nonce": b"123",
    b"bt_header_dendrite_uuid": b"5ecbd69c-1cec-11ee-b0dc-e29ce36fec1a",
    b"bt_header_dendrite_signature": b"0x" + b"ab" * 64,
    b"computed_body_hash": b"a" * 64,
}


def test_claims_are_read() -> None:
    claims = read_claims(GOOD)
    assert (claims.hotkey, claims.nonce_ns, claims.signature) == ("5x", 123, b"\xab" * 64)
    assert signed_text(1, "s", "r", "u", "h") == b"1.s.r.u.h"


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize("value", [None, b"", b"\xff" * 70, b"1.5"])
def test_a_missing_or_malformed_claim_is_refused(name: bytes, value: bytes | None) -> None:
    headers = dict(GOOD)
    if value is None:
        del headers[name]
    else:
        headers[name] = value
    only_verification_can_tell = {
        (b"bt_header_dendrite_hotkey", b"1.5"),
        (b"bt_header_dendrite_hotkey", b"\xff" * 70),
        (b"bt_header_dendrite_uuid", b"1.5"),
    }
    if (name, value) in only_verification_can_tell:
        read_claims(headers)
        return
    with pytest.raises(ProblemError) as caught:
        read_claims(headers)
    assert caught.value.kind is problems.AUTH_MALFORMED


def test_status_messages_cannot_break_out_of_their_header() -> None:
    headers = dict(status_headers(400, "a\r\nset-cookie: x\n\0é" + "y" * 1000, 0.5))
    message = headers[b"bt_header_axon_status_message"]
    assert b"\r" not in message
    assert b"\n" not in message
    assert len(message) <= 500
    assert headers[b"bt_header_axon_status_code"] == b"400"
    assert headers[b"bt_header_axon_process_time"] == b"0.500000"
