"""The Drand pallet: the beacon's pulses, by which timelocks open.

A devnet has no network to fetch pulses from; they come as ``write_pulse`` (an
unsigned extrinsic, as the real chain's off-chain worker sends it) or from
``dev_addDrandPulse``. A signature that doesn't fit opens nothing, so it needs no
check of its own here.
"""

from typing import Any

import bittensor_core

from taostack.devnet.codec import byte_string
from taostack.devnet.metadata import compact
from taostack.devnet.pallets.dispatch import Context, call, dev_method
from taostack.devnet.store import Reader
from taostack.process.errors import UsageError

PALLET = "Drand"
SIGNATURE_BYTES = 48


def store_pulse(ctx: Context, drand_round: int, signature: bytes, randomness: bytes = b"") -> None:
    """Make a round's signature known."""
    state = ctx.state
    value = {"round": drand_round, "randomness": randomness, "signature": signature}
    state.put(PALLET, "Pulses", drand_round, value=value)
    state.put(PALLET, "LastStoredRound", value=max(drand_round, state.get(PALLET, "LastStoredRound")))
    oldest = state.get(PALLET, "OldestStoredRound")
    state.put(PALLET, "OldestStoredRound", value=min(drand_round, oldest) if oldest else drand_round)


def open_timelock(state: Reader, sealed: bytes, drand_round: int) -> bytes | None:
    """The bytes that were sealed to a round; None while its signature is unknown, ValueError when it opens nothing."""
    pulse = state.get(PALLET, "Pulses", drand_round)
    if pulse is None:
        return None
    # On chain stands the bare ciphertext; the codec wants it in the envelope that clients keep: ciphertext and round.
    envelope = compact(len(sealed)) + sealed + drand_round.to_bytes(8, "little")
    try:
        return bytes(bittensor_core.decrypt_with_signature(envelope, byte_string(pulse["signature"]).hex()))
    except RuntimeError as error:
        raise ValueError(str(error)) from error


@call("Drand.write_pulse", pays_fee=False)
def write_pulse(ctx: Context, pulses_payload: dict[str, Any], signature: Any = None) -> None:
    """Store the pulses of a payload; rounds that are older than the newest known one are refused."""
    if ctx.origin.kind == "signed":
        ctx.fail_with("BadOrigin")
    rounds: list[int] = []
    for pulse in pulses_payload["pulses"]:
        if rounds and pulse["round"] <= rounds[-1]:
            ctx.fail(PALLET, "InvalidRoundNumber")
        store_pulse(ctx, pulse["round"], byte_string(pulse["signature"]), byte_string(pulse["randomness"]))
        rounds.append(pulse["round"])
    if rounds:
        ctx.emit(PALLET, "NewPulse", rounds=rounds)


@call("Drand.set_oldest_stored_round")
def set_oldest_stored_round(ctx: Context, oldest_round: int) -> None:
    """Set the oldest round that counts as stored (root)."""
    ctx.root()
    ctx.state.put(PALLET, "OldestStoredRound", value=oldest_round)
    ctx.emit(PALLET, "SetOldestStoredRound", oldest_round)


@dev_method("dev_addDrandPulse")
def dev_add_drand_pulse(ctx: Context, drand_round: int, signature: str) -> bool:
    """Make a round's signature (48 bytes, hex) known, as if the beacon had been read."""
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError as error:
        raise UsageError(f"the signature is not hex: {error}", remedy="give the 48 bytes as hex") from error
    if len(raw) != SIGNATURE_BYTES:
        raise UsageError(f"a drand signature has {SIGNATURE_BYTES} bytes, was {len(raw)}")
    store_pulse(ctx, drand_round, raw)
    ctx.emit(PALLET, "NewPulse", rounds=[drand_round])
    return True
