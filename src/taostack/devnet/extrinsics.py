"""Extrinsics, version 4: taken apart by hand, judged by the runtime's own extensions.

On the wire a signed extrinsic is ``compact length ++ 0x84 ++ address ++
signature ++ extras ++ call``. What is signed is ``call ++ extras ++ implicit``,
hashed when longer than 256 bytes. Which extras and implicit parts there are,
and in which order, the metadata says: ``SignedExtensions`` reads it from there
and refuses a runtime with an extension whose bytes it does not know.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from taostack.devnet.codec import ECDSA, ED25519, SR25519, blake2_256, ss58_encode, verify
from taostack.devnet.metadata import compact, read_compact
from taostack.devnet.profile import RuntimeProfile

MAX_EXTRINSIC_BYTES = 3_932_160
"""Longest extrinsic that fits a block: 75 % of 5 MiB, as on the chain."""

SIGNED_V4 = 0x84
BARE_V4 = 0x04
_BARE_V5 = 0x05
_HASHED_PAYLOAD_OVER = 256
_MULTI_ADDRESS_ID = 0
_SIGNATURE_LENGTH = {ED25519: 64, SR25519: 64, ECDSA: 65}

_ERA, _NONCE, _TIP, _MODE = "era", "nonce", "tip", "mode"
_EXTRAS = {
    "CheckMortality": _ERA,
    "CheckEra": _ERA,
    "CheckNonce": _NONCE,
    "ChargeTransactionPayment": _TIP,
    "ChargeTransactionPaymentWrapper": _TIP,
    "CheckMetadataHash": _MODE,
}
_SPEC, _TRANSACTION, _GENESIS, _BIRTH, _METADATA = "spec", "transaction", "genesis", "birth", "metadata"
_IMPLICIT = {
    "CheckSpecVersion": _SPEC,
    "CheckTxVersion": _TRANSACTION,
    "CheckGenesis": _GENESIS,
    "CheckMortality": _BIRTH,
    "CheckEra": _BIRTH,
    "CheckMetadataHash": _METADATA,
}


class UndecodableError(ValueError):
    """The bytes are not an extrinsic of this runtime."""


@dataclass(frozen=True, slots=True)
class Era:
    """How long a transaction is valid; ``period`` 0 means forever."""

    period: int
    phase: int

    def birth(self, block: int) -> int:
        """The block whose hash was signed."""
        if not self.period:
            return 0
        return (max(block, self.phase) - self.phase) // self.period * self.period + self.phase

    def death(self, block: int) -> int:
        """The first block in which it is no longer valid."""
        return self.birth(block) + self.period if self.period else 2**64 - 1


IMMORTAL = Era(0, 0)


def decode_era(data: bytes, at: int) -> tuple[Era, int]:
    """The era at ``at`` and the offset after it."""
    if data[at] == 0:
        return IMMORTAL, at + 1
    encoded = data[at] | data[at + 1] << 8
    period = 2 << (encoded % 16)
    phase = (encoded >> 4) * max(period >> 12, 1)
    if not 4 <= period <= 65_536 or phase >= period:
        raise UndecodableError("the era is not valid")
    return Era(period, phase), at + 2


@dataclass(frozen=True)
class Extrinsic:
    """One extrinsic, taken apart; ``signer`` is None for a bare one."""

    raw: bytes
    hash: bytes
    call: bytes
    decoded: dict[str, Any]
    signer: str | None = None
    public_key: bytes = b""
    scheme: int = SR25519
    signature: bytes = b""
    extras: bytes = b""
    era: Era = IMMORTAL
    nonce: int = 0
    tip: int = 0
    metadata_hash_mode: int = 0

    @cached_property
    def name(self) -> str:
        """``Pallet.call``."""
        return f"{self.decoded['call_module']}.{self.decoded['call_function']}"


class SignedExtensions:
    """The extension pipeline of one runtime, as bytes."""

    def __init__(self, profile: RuntimeProfile) -> None:
        names = profile.codec.signed_extensions
        self._profile = profile
        self._extras = [_EXTRAS[name] for name in names if name in _EXTRAS]
        self._implicit = [_IMPLICIT[name] for name in names if name in _IMPLICIT]

    def decode(self, data: bytes, at: int) -> tuple[dict[str, Any], int]:
        """The extras at ``at`` by name and the offset after them."""
        values: dict[str, Any] = {_ERA: IMMORTAL, _NONCE: 0, _TIP: 0, _MODE: 0}
        for name in self._extras:
            if name == _ERA:
                values[name], at = decode_era(data, at)
            elif name == _MODE:
                values[name], at = data[at], at + 1
                if values[name] > 1:
                    raise UndecodableError("the metadata hash mode is neither 0 nor 1")
            else:
                values[name], at = read_compact(data, at)
        return values, at

    def implicit(self, genesis: bytes, birth: bytes, metadata_hash: bytes | None) -> bytes:
        """What is signed but not sent."""
        parts = {
            _SPEC: self._profile.spec_version.to_bytes(4, "little"),
            _TRANSACTION: self._profile.transaction_version.to_bytes(4, "little"),
            _GENESIS: genesis,
            _BIRTH: birth,
            _METADATA: b"\x00" if metadata_hash is None else b"\x01" + metadata_hash,
        }
        return b"".join(parts[name] for name in self._implicit)


def decode_extrinsic(raw: bytes, profile: RuntimeProfile, extensions: SignedExtensions) -> Extrinsic:
    """Take ``raw`` (with its length prefix) apart; UndecodableError when it is not an extrinsic."""
    if len(raw) > MAX_EXTRINSIC_BYTES:
        raise UndecodableError("the extrinsic is longer than a block may be")
    try:
        length, at = read_compact(raw, 0)
        if length != len(raw) - at:
            raise UndecodableError("the length prefix does not fit the bytes")
        version = raw[at]
        at += 1
        if version in (BARE_V4, _BARE_V5):
            call = raw[at:]
            return Extrinsic(raw, blake2_256(raw), call, _decode_call(profile, call))
        if version != SIGNED_V4:
            raise UndecodableError(f"extrinsic version byte was {version:#04x}, 0x84 is signed version 4")
        if raw[at] != _MULTI_ADDRESS_ID:
            raise UndecodableError("the sender is not an account id")
        public_key = raw[at + 1 : at + 33]
        at += 33
        scheme = raw[at]
        end = at + 1 + _SIGNATURE_LENGTH[scheme]
        signature = raw[at + 1 : end]
        extras, start = extensions.decode(raw, end)
    except (IndexError, KeyError) as error:
        raise UndecodableError("the extrinsic is cut short or damaged") from error
    call = raw[start:]
    return Extrinsic(
        raw,
        blake2_256(raw),
        call,
        _decode_call(profile, call),
        ss58_encode(public_key),
        public_key,
        scheme,
        signature,
        raw[end:start],
        extras[_ERA],
        extras[_NONCE],
        extras[_TIP],
        extras[_MODE],
    )


def _decode_call(profile: RuntimeProfile, call: bytes) -> dict[str, Any]:
    try:
        return profile.codec.decode_call(call)
    except ValueError as error:
        raise UndecodableError(f"the call does not decode: {error}") from error


def signed_payload(extrinsic: Extrinsic, implicit: bytes) -> bytes:
    """The bytes that the sender signed."""
    payload = extrinsic.call + extrinsic.extras + implicit
    return blake2_256(payload) if len(payload) > _HASHED_PAYLOAD_OVER else payload


def signature_holds(extrinsic: Extrinsic, implicit: bytes) -> bool:
    """True when the sender signed exactly this call, under these extras, for this chain."""
    if extrinsic.signer is None or extrinsic.scheme == ECDSA:
        return False
    return verify(signed_payload(extrinsic, implicit), extrinsic.signature, extrinsic.signer, extrinsic.scheme)


def bare_extrinsic(call: bytes) -> bytes:
    """An unsigned extrinsic (an inherent) with its length prefix."""
    body = bytes((BARE_V4,)) + call
    return compact(len(body)) + body
