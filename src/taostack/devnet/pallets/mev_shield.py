"""The MEV shield: extrinsics that travel encrypted and are opened in their block.

The chain publishes an ML-KEM-768 encapsulation key. A client encrypts a signed
extrinsic to it and submits it inside ``MevShield.submit_encrypted``; the block
author opens it and puts the inner extrinsic into the same block as an extrinsic
of its own. Ciphertext: key hash (16) ++ u16 length ++ KEM ciphertext (1088) ++
nonce (24) ++ XChaCha20-Poly1305 ciphertext under the raw shared secret.

The key pair is derived from a fixed seed: a devnet hides nothing from its owner.
"""

import functools
from dataclasses import dataclass

import bittensor_core
from Crypto.Cipher import ChaCha20_Poly1305
from kyber_py.ml_kem import ML_KEM_768

from taostack.devnet.codec import blake2_256
from taostack.devnet.pallets.dispatch import Context, PoolRejection, call, genesis, guard

PALLET = "MevShield"
KEY_HASH_BYTES, KEM_BYTES, NONCE_BYTES, TAG_BYTES = 16, 1088, 24, 16
FAILED_PARSING, INVALID_KEY_HASH = 23, 24
_SEED = blake2_256(b"taostack devnet: the seed d of the shield key") + blake2_256(b"and its seed z")


class ShieldError(ValueError):
    """A ciphertext that is none; what the client sees is a pool rejection."""


@dataclass(frozen=True, slots=True)
class Shielded:
    """The parts of a ciphertext."""

    key_hash: bytes
    kem: bytes
    nonce: bytes
    sealed: bytes


@functools.lru_cache(maxsize=1)
def key_pair() -> tuple[bytes, bytes]:
    """(encapsulation key of 1184 bytes, decapsulation key) of every devnet."""
    public, private = ML_KEM_768.key_derive(_SEED)
    return bytes(public), bytes(private)


@functools.lru_cache(maxsize=1)
def published_key_hash() -> bytes:
    """The 16 bytes by which a ciphertext names the published key, as the clients' own codec makes them."""
    sealed = bittensor_core.encrypt_mlkem768(key_pair()[0], b"", True)
    return bytes(sealed[:KEY_HASH_BYTES])


def parse(ciphertext: bytes) -> Shielded:
    """Take a ciphertext apart; ShieldError when a part is missing."""
    head = KEY_HASH_BYTES + 2
    if len(ciphertext) < head:
        raise ShieldError("the ciphertext is too short")
    length = int.from_bytes(ciphertext[KEY_HASH_BYTES:head], "little")
    nonce_at = head + length
    sealed_at = nonce_at + NONCE_BYTES
    if length != KEM_BYTES or len(ciphertext) < sealed_at + TAG_BYTES:
        raise ShieldError("the ciphertext is cut short")
    return Shielded(
        ciphertext[:KEY_HASH_BYTES], ciphertext[head:nonce_at], ciphertext[nonce_at:sealed_at], ciphertext[sealed_at:]
    )


def unseal(shielded: Shielded) -> bytes:
    """The bytes inside; ShieldError when they were changed or sealed for another key."""
    secret = ML_KEM_768.decaps(key_pair()[1], shielded.kem)
    cipher = ChaCha20_Poly1305.new(key=secret, nonce=shielded.nonce)
    try:
        return bytes(cipher.decrypt_and_verify(shielded.sealed[:-TAG_BYTES], shielded.sealed[-TAG_BYTES:]))
    except ValueError as error:
        raise ShieldError("the ciphertext was sealed for another key, or changed") from error


@genesis(order=60)
def publish_key(ctx: Context) -> None:
    """Publish the key for this block and the next ones; it never changes."""
    public, _ = key_pair()
    for item in ("CurrentKey", "NextKey", "PendingKey"):
        ctx.state.put_bytes(PALLET, item, value=public)


@call("MevShield.submit_encrypted")
def submit_encrypted(ctx: Context, ciphertext: bytes) -> None:
    """Open a shielded extrinsic and put it into this block, right after the one that carried it."""
    who = ctx.signed()
    try:
        inner = unseal(parse(ciphertext))
    except ShieldError:
        ctx.fail(PALLET, "Unreachable")
    ctx.emit(PALLET, "EncryptedSubmitted", id="0x" + blake2_256(ciphertext).hex(), who=who)
    ctx.include_extrinsic(inner)


@guard("MevShield.submit_encrypted")
def guard_submit(ctx: Context, ciphertext: bytes) -> None:
    """Bytes that are no ciphertext, or were sealed for another key, are refused."""
    try:
        shielded = parse(ciphertext)
    except ShieldError as error:
        raise PoolRejection.custom(FAILED_PARSING) from error
    if shielded.key_hash != published_key_hash():
        raise PoolRejection.custom(INVALID_KEY_HASH)


@call("MevShield.announce_next_key", pays_fee=False)
def announce_next_key(ctx: Context, enc_key: bytes | None) -> None:
    """Block authors announce keys on the real chain; here the key stands, so only the form is checked."""
    ctx.signed()
    if enc_key is not None and len(enc_key) != len(key_pair()[0]):
        ctx.fail(PALLET, "BadEncKeyLen")


def _register_limit(name: str, argument: str, item: str, event: str) -> None:
    def set_limit(ctx: Context, **arguments: int) -> None:
        ctx.root()
        ctx.state.put(PALLET, item, value=arguments[argument])
        ctx.emit(PALLET, event, value=arguments[argument])

    call(f"{PALLET}.{name}")(set_limit)


for _name, _item, _event in (
    ("set_max_pending_extrinsics_number", "MaxPendingExtrinsicsLimit", "MaxPendingExtrinsicsNumberSet"),
    ("set_on_initialize_weight", "OnInitializeWeight", "OnInitializeWeightSet"),
    ("set_stored_extrinsic_lifetime", "ExtrinsicLifetime", "ExtrinsicLifetimeSet"),
    ("set_max_extrinsic_weight", "MaxExtrinsicWeight", "MaxExtrinsicWeightSet"),
):
    _register_limit(_name, "value", _item, _event)
