"""btauth/1 and its answer, against the SDK's golden vectors."""

from hashlib import sha256

import bittensor_core
import pytest

from taostack.wire import problems, signing
from taostack.wire.errors import ProblemError, RouteError

ALICE = bittensor_core.Keypair.create_from_uri("//Alice", bittensor_core.CRYPTO_SR25519)
ALICE_ED = bittensor_core.Keypair.create_from_uri("//Alice", bittensor_core.CRYPTO_ED25519)
BOB = bittensor_core.Keypair.create_from_uri("//Bob", bittensor_core.CRYPTO_SR25519)

NONCE = 1_752_076_800_000_000_000
BODY = b'{"prompt": "hello"}'
TARGET = "/generate?stream=false"
BODY_HASH = "341c57448e531310fbbe83f44cea2a5e838bd9e8a6b82b269f01d0dbbc23c3cc"


def headers_of(signer: object, **changes: object) -> dict[bytes, bytes]:
    """Signed headers as a server sees them."""
    arguments = {
        "method": "POST",
        "target": TARGET,
        "body": BODY,
        "nonce_ns": NONCE,
        "receiver": BOB.ss58_address,
    } | changes
    signed = signing.sign_request(signer, **arguments)
    return {name.lower().encode(): value.encode() for name, value in signed.items()}


def test_request_payload_equals_the_golden_bytes() -> None:
    payload = signing.request_payload(
        "sr25519", "POST", TARGET, sha256(BODY).hexdigest(), NONCE, ALICE.ss58_address, BOB.ss58_address
    )
    assert payload.decode().split("\n") == [
        "btauth/1",
        "sr25519",
        "POST",
        "/generate?stream=false",
        BODY_HASH,
        "1752076800000000000",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    ]


def test_ed25519_signature_equals_the_golden_one() -> None:
    headers = headers_of(ALICE_ED)
    assert ALICE_ED.ss58_address == "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"
    assert headers[b"x-bittensor-crypto"] == b"ed25519"
    assert headers[b"x-bittensor-signature"] == (
        b"0x1a6b631988bf1f7ea093ab9d5acf61f05c316d0b0e428b24b487b75a5f6ee0e1"
        b"a56a26918fdf871b6cf09437e6588023a4ce423cf622621b2a7feee17612f704"
    )


@pytest.mark.parametrize("signer", [ALICE, ALICE_ED])
def test_what_is_signed_verifies(signer: bittensor_core.Keypair) -> None:
    credentials = signing.read_credentials(headers_of(signer))
    payload = signing.request_payload(
        credentials.scheme, "POST", TARGET, BODY_HASH, NONCE, credentials.hotkey, credentials.receiver
    )
    signing.check_signature(credentials, payload)
    assert credentials.hotkey == signer.ss58_address


@pytest.mark.parametrize(
    ("method", "target", "body_hash", "nonce", "receiver"),
    [
        ("GET", TARGET, BODY_HASH, NONCE, BOB.ss58_address),
        ("POST", "/generate", BODY_HASH, NONCE, BOB.ss58_address),
        ("POST", TARGET, "00" * 32, NONCE, BOB.ss58_address),
        ("POST", TARGET, BODY_HASH, NONCE + 1, BOB.ss58_address),
        ("POST", TARGET, BODY_HASH, NONCE, ALICE.ss58_address),
    ],
)
def test_a_change_of_anything_signed_is_refused(
    method: str, target: str, body_hash: str, nonce: int, receiver: str
) -> None:
    credentials = signing.read_credentials(headers_of(ALICE))
    payload = signing.request_payload("sr25519", method, target, body_hash, nonce, credentials.hotkey, receiver)
    with pytest.raises(ProblemError) as caught:
        signing.check_signature(credentials, payload)
    assert caught.value.kind is problems.AUTH_SIGNATURE


def test_the_crypto_header_is_absent_for_sr25519_and_understood_in_other_spellings() -> None:
    headers = headers_of(ALICE)
    assert b"x-bittensor-crypto" not in headers
    for spelling in (b"SR25519", b"1", b"sr25519"):
        assert signing.read_credentials(headers | {b"x-bittensor-crypto": spelling}).scheme == "sr25519"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-bittensor-version", b"2"),
        (b"x-bittensor-version", None),
        (b"x-bittensor-hotkey", None),
        (b"x-bittensor-hotkey", b""),
        (b"x-bittensor-nonce", None),
        (b"x-bittensor-nonce", b"-1"),
        (b"x-bittensor-nonce", b"1_0"),
        (b"x-bittensor-nonce", b"+1"),
        (b"x-bittensor-nonce", b"007"),
        (b"x-bittensor-nonce", b"\xb2"),
        (b"x-bittensor-nonce", b"9" * 21),
        (b"x-bittensor-crypto", b"ecdsa"),
        (b"x-bittensor-signature", None),
        (b"x-bittensor-signature", b"0x12"),
        (b"x-bittensor-signature", b"zz" * 64),
        (b"x-bittensor-signature", b"00" * 65),
    ],
)
def test_malformed_headers_are_refused_without_echo(name: bytes, value: bytes | None) -> None:
    headers = headers_of(ALICE)
    if value is None:
        del headers[name]
    else:
        headers[name] = value
    with pytest.raises(ProblemError) as caught:
        signing.read_credentials(headers)
    assert caught.value.kind is problems.AUTH_MALFORMED
    assert headers.get(b"x-bittensor-signature", b"never").decode() not in str(caught.value)


def test_another_spelling_of_the_same_key_is_no_identity() -> None:
    # The same public key under Polkadot's prefix: accepting it would undo a deny list.
    other = bittensor_core.ss58_encode(ALICE.public_key, 0)
    assert not signing.is_hotkey(other)
    assert signing.is_hotkey(ALICE.ss58_address)
    credentials = signing.read_credentials(headers_of(ALICE))._replace(hotkey=other)
    with pytest.raises(ProblemError) as caught:
        signing.check_signature(credentials, b"anything")
    assert caught.value.kind is problems.AUTH_MALFORMED


def test_a_request_for_nobody_or_for_another_is_refused() -> None:
    credentials = signing.read_credentials(headers_of(ALICE))
    signing.check_receiver(credentials, BOB.ss58_address)
    for wrong in (credentials._replace(receiver=None), credentials._replace(receiver=ALICE.ss58_address)):
        with pytest.raises(ProblemError) as caught:
            signing.check_receiver(wrong, BOB.ss58_address)
        assert caught.value.kind is problems.AUTH_RECEIVER


@pytest.mark.parametrize("age_seconds", [-2.0, 0.0, 10.0])
def test_the_freshness_window_includes_its_ends(age_seconds: float) -> None:
    signing.check_fresh(NONCE, NONCE + round(age_seconds * 1e9), 10.0, 2.0)


@pytest.mark.parametrize("age_seconds", [-2.001, 10.001, 3600.0])
def test_a_nonce_outside_the_window_is_refused(age_seconds: float) -> None:
    with pytest.raises(ProblemError) as caught:
        signing.check_fresh(NONCE, NONCE + round(age_seconds * 1e9), 10.0, 2.0)
    assert caught.value.kind is problems.AUTH_STALE


def test_a_response_signature_holds_for_exactly_one_request_and_body() -> None:
    def payload(status: int = 200, digest: str = BODY_HASH, nonce: int = NONCE, sender: str = "s") -> bytes:
        return signing.response_payload("sr25519", status, digest, nonce, sender, BOB.ss58_address)

    signature = BOB.sign(payload()).hex()
    assert signing.response_signature_valid(BOB.ss58_address, None, payload(), signature)
    for other in (payload(status=500), payload(digest="00"), payload(nonce=NONCE + 1), payload(sender="t")):
        assert not signing.response_signature_valid(BOB.ss58_address, None, other, signature)
    assert not signing.response_signature_valid(ALICE.ss58_address, None, payload(), signature)
    assert not signing.response_signature_valid("not an address", None, payload(), signature)
    assert not signing.response_signature_valid(BOB.ss58_address, "rot13", payload(), signature)
    assert not signing.response_signature_valid(BOB.ss58_address, None, payload(), "0xzz")


def test_a_request_signature_is_never_a_response_signature() -> None:
    request = signing.request_payload("sr25519", "200", "x", BODY_HASH, NONCE, "s", "r")
    response = signing.response_payload("sr25519", 200, BODY_HASH, NONCE, "s", "r")
    stream = signing.stream_payload("sr25519", BODY_HASH, 1, "ok", NONCE, "s", "r")
    assert len({request.split(b"\n")[0], response.split(b"\n")[0], stream.split(b"\n")[0]}) == 3


def test_a_key_type_that_btauth_does_not_know_is_a_usage_error() -> None:
    class Ecdsa:
        ss58_address = "5x"
        crypto_type = 2

        def sign(self, message: bytes) -> bytes:
            return message

    with pytest.raises(RouteError, match="crypto type was 2"):
        signing.scheme_of(Ecdsa())
