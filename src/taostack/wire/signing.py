"""btauth/1: the bytes that are signed, signing, and checking a signature.

The request format is that of the SDK's ``bittensor.http_auth`` and is proved
against its golden vectors. Its answer, ``btauth-resp/1``, is ours: it binds
status, body, the request's nonce and sender, and who answers, so that a reply
cannot be altered, swapped or moved to another request. ``btauth-stream/1``
does the same for the running hash of a stream (see ``stream.py``).

All functions are pure; keys come from ``bittensor_core``, whose decoded
public keys are kept (an address costs a base58 and a checksum each time).
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

import bittensor_core

from taostack.wire import problems
from taostack.wire.errors import ProblemError, RouteError

PROTOCOL = "btauth/1"
RESPONSE_PROTOCOL = "btauth-resp/1"
STREAM_PROTOCOL = "btauth-stream/1"
VERSION = "1"

HEADER_VERSION = "X-Bittensor-Version"
HEADER_HOTKEY = "X-Bittensor-Hotkey"
HEADER_RECEIVER = "X-Bittensor-Receiver"
HEADER_NONCE = "X-Bittensor-Nonce"
HEADER_CRYPTO = "X-Bittensor-Crypto"
HEADER_SIGNATURE = "X-Bittensor-Signature"

HEADER_RESP_HOTKEY = "X-Bittensor-Resp-Hotkey"
HEADER_RESP_CRYPTO = "X-Bittensor-Resp-Crypto"
HEADER_RESP_SIGNATURE = "X-Bittensor-Resp-Signature"

SR25519 = "sr25519"
ED25519 = "ed25519"
SS58_PREFIX = 42
KNOWN_KEYS = 8192

_SCHEMES: dict[int, str] = {bittensor_core.CRYPTO_SR25519: SR25519, bittensor_core.CRYPTO_ED25519: ED25519}
_CRYPTO_TYPES: dict[str, int] = {scheme: number for number, scheme in _SCHEMES.items()}
_SPELLINGS: dict[str, str] = {
    **{scheme: scheme for scheme in _CRYPTO_TYPES},
    **{str(number): scheme for number, scheme in _SCHEMES.items()},
}


class Signer(Protocol):
    """Anything that holds a hotkey: a keypair, a wallet's hotkey, a remote signer."""

    @property
    def ss58_address(self) -> str:
        """The public address, prefix 42."""
        ...

    @property
    def crypto_type(self) -> int:
        """1 for sr25519, 0 for ed25519."""
        ...

    def sign(self, message: bytes, /) -> bytes:
        """64 bytes of signature."""
        ...


class Credentials(NamedTuple):
    """What the authentication headers of a request claim."""

    hotkey: str
    receiver: str | None
    nonce_ns: int
    scheme: str
    signature: bytes


def scheme_of(signer: Signer) -> str:
    """The signature scheme's name; ``RouteError`` for a key that btauth cannot use."""
    try:
        return _SCHEMES[signer.crypto_type]
    except KeyError:
        raise RouteError(
            f"crypto type was {signer.crypto_type}, btauth knows sr25519 and ed25519",
            remedy="use an sr25519 or ed25519 hotkey",
        ) from None


def request_payload(
    scheme: str, method: str, target: str, body_hash: str, nonce_ns: int, sender: str, receiver: str | None
) -> bytes:
    """The signed bytes of a request (btauth/1).

    ``target`` is path and query as sent, ``body_hash`` the lower-case hex
    sha256 of the body as sent (after compression).
    """
    return (f"{PROTOCOL}\n{scheme}\n{method}\n{target}\n{body_hash}\n{nonce_ns}\n{sender}\n{receiver or '-'}").encode()


def response_payload(scheme: str, status: int, body_hash: str, nonce_ns: int, sender: str, responder: str) -> bytes:
    """The signed bytes of a response: ``nonce_ns`` and ``sender`` are the request's."""
    return f"{RESPONSE_PROTOCOL}\n{scheme}\n{status}\n{body_hash}\n{nonce_ns}\n{sender}\n{responder}".encode()


def stream_payload(
    scheme: str, running_hash: str, items: int, outcome: str, nonce_ns: int, sender: str, responder: str
) -> bytes:
    """The signed bytes of a stream's trailer: hash and number of all frames before it, and how it ended."""
    return (
        f"{STREAM_PROTOCOL}\n{scheme}\n{running_hash}\n{items}\n{outcome}\n{nonce_ns}\n{sender}\n{responder}"
    ).encode()


def sign_request(
    signer: Signer, *, method: str, target: str, body: bytes, nonce_ns: int, receiver: str | None
) -> dict[str, str]:
    """The authentication headers of a request."""
    scheme = scheme_of(signer)
    sender = signer.ss58_address
    payload = request_payload(scheme, method, target, sha256(body).hexdigest(), nonce_ns, sender, receiver)
    headers = {
        HEADER_VERSION: VERSION,
        HEADER_HOTKEY: sender,
        HEADER_NONCE: str(nonce_ns),
        HEADER_SIGNATURE: "0x" + signer.sign(payload).hex(),
    }
    if receiver is not None:
        headers[HEADER_RECEIVER] = receiver
    if scheme != SR25519:
        headers[HEADER_CRYPTO] = scheme
    return headers


def read_credentials(headers: Mapping[bytes, bytes]) -> Credentials:
    """Parse the headers (lower-case names, as ASGI has them).

    Raises ``ProblemError`` (``auth-malformed``); its text never repeats what was sent.
    """
    if headers.get(b"x-bittensor-version") != b"1":
        raise ProblemError(problems.AUTH_MALFORMED, f"{HEADER_VERSION} missing or not {VERSION}")
    hotkey = headers.get(b"x-bittensor-hotkey")
    nonce = headers.get(b"x-bittensor-nonce")
    signature = headers.get(b"x-bittensor-signature")
    if not hotkey or not nonce or not signature:
        raise ProblemError(problems.AUTH_MALFORMED, f"{HEADER_HOTKEY}, -Nonce and -Signature are required")
    receiver = headers.get(b"x-bittensor-receiver")
    crypto = headers.get(b"x-bittensor-crypto")
    return Credentials(
        hotkey.decode("latin-1"),
        None if receiver is None else receiver.decode("latin-1"),
        parse_nonce(nonce.decode("latin-1")),
        SR25519 if crypto is None else parse_scheme(crypto.decode("latin-1")),
        parse_signature(signature.decode("latin-1")),
    )


def parse_nonce(text: str) -> int:
    """Decimal nanoseconds; strictly ASCII digits, without sign or leading zero."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or (text[0] == "0" and len(text) > 1):
        raise ProblemError(problems.AUTH_MALFORMED, "nonce is not a decimal number of nanoseconds")
    return int(text)


def parse_scheme(text: str) -> str:
    """The canonical scheme name of a header's value."""
    scheme = _SPELLINGS.get(text.strip().lower())
    if scheme is None:
        raise ProblemError(problems.AUTH_MALFORMED, "signature scheme is neither sr25519 nor ed25519")
    return scheme


def parse_signature(text: str) -> bytes:
    """64 bytes from hex, with or without ``0x``."""
    try:
        signature = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        signature = b""
    if len(signature) != 64:
        raise ProblemError(problems.AUTH_MALFORMED, "signature is not 64 bytes of hex")
    return signature


@lru_cache(maxsize=KNOWN_KEYS)
def _public_key(address: str, crypto_type: int) -> bittensor_core.Keypair:
    key = bittensor_core.Keypair(ss58_address=address, crypto_type=crypto_type)
    # One key has an address per network prefix. Only one spelling is an identity here,
    # or a denied hotkey would come back under another prefix.
    if key.ss58_address != address:
        raise ValueError("address is not in the prefix-42 form")
    return key


def is_hotkey(address: str) -> bool:
    """Whether ``address`` is a valid ss58 address of prefix 42."""
    try:
        _public_key(address, bittensor_core.CRYPTO_SR25519)
    except ValueError:
        return False
    return True


def signature_valid(address: str, scheme: str, payload: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``payload`` is ``address``'s; ``ValueError`` when the address is no address."""
    return bool(_public_key(address, _CRYPTO_TYPES[scheme]).verify(payload, signature))


def check_receiver(credentials: Credentials, own_hotkey: str) -> None:
    """Refuse what was signed for somebody else, or for nobody."""
    if credentials.receiver != own_hotkey:
        reason = "signed for another hotkey" if credentials.receiver else f"{HEADER_RECEIVER} is required"
        raise ProblemError(problems.AUTH_RECEIVER, reason)


def check_fresh(nonce_ns: int, now_ns: int, max_age_seconds: float, ahead_seconds: float) -> None:
    """Refuse a nonce outside ``[now - max_age, now + ahead]``."""
    age_ns = now_ns - nonce_ns
    if age_ns > max_age_seconds * 1e9:
        raise ProblemError(problems.AUTH_STALE, f"nonce is older than {max_age_seconds:g} s")
    if -age_ns > ahead_seconds * 1e9:
        raise ProblemError(problems.AUTH_STALE, f"nonce is more than {ahead_seconds:g} s ahead: check the clock")


def check_signature(credentials: Credentials, payload: bytes) -> None:
    """Refuse a signature that is not the claimed hotkey's."""
    try:
        valid = signature_valid(credentials.hotkey, credentials.scheme, payload, credentials.signature)
    except ValueError:
        raise ProblemError(problems.AUTH_MALFORMED, "hotkey is not an ss58 address of prefix 42") from None
    if not valid:
        raise ProblemError(problems.AUTH_SIGNATURE, "signature does not verify for the claimed hotkey")


def response_signature_valid(responder: str, crypto: str | None, payload: bytes, signature_hex: str) -> bool:
    """Whether a response's signature is ``responder``'s; ``False`` for anything malformed."""
    try:
        scheme = SR25519 if crypto is None else parse_scheme(crypto)
        return signature_valid(responder, scheme, payload, parse_signature(signature_hex))
    except (ValueError, ProblemError):
        return False
