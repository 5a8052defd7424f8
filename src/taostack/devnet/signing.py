"""Compose and sign extrinsics without an SDK: for tests, benchmarks and ``Devnet.submit``."""

from collections.abc import Mapping
from typing import Any

from taostack.devnet.codec import SR25519, Codec, keypair


def sign_call(
    codec: Codec,
    uri: str,
    call: bytes,
    *,
    nonce: int,
    genesis_hash: bytes,
    period: int = 0,
    current: int = 0,
    birth_hash: bytes | None = None,
    tip: int = 0,
    scheme: int = SR25519,
) -> bytes:
    """The signed extrinsic, with its length prefix, for a call and the secret URI of its signer.

    ``period`` 0 is immortal; otherwise ``current`` is the height at which the
    era begins to count and ``birth_hash`` the hash of the block of its birth.
    """
    signer = keypair(uri, scheme)
    era: str | Mapping[str, int] = "00" if not period else {"period": period, "current": current}
    runtime = codec.runtime
    payload = runtime.signature_payload(
        call,
        era=era,
        nonce=nonce,
        tip=tip,
        tip_asset_id=None,
        genesis_hash=genesis_hash,
        era_block_hash=birth_hash or genesis_hash,
    )
    signed, _ = runtime.encode_signed_extrinsic(
        call,
        public_key=bytes(signer.public_key),
        signature=bytes(signer.sign(bytes(payload))),
        signature_version=scheme,
        era=era,
        nonce=nonce,
        tip=tip,
        tip_asset_id=None,
    )
    return bytes(signed)


def compose(codec: Codec, name: str, arguments: Mapping[str, Any]) -> bytes:
    """The bytes of ``Pallet.call``."""
    pallet, _, function = name.partition(".")
    return codec.compose_call(pallet, function, arguments)
