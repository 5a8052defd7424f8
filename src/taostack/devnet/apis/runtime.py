"""Runtime APIs that every Substrate runtime has: metadata, version, nonce, fees, slots."""

from typing import Any

from taostack.devnet.extrinsics import SignedExtensions, decode_extrinsic
from taostack.devnet.metadata import compact, read_compact
from taostack.devnet.pallets import transaction_payment
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.profile import opaque

_SERVED_VERSIONS = (14, 15)
_U32 = 4


@runtime_api("Metadata.metadata")
def metadata(ctx: Context) -> bytes:
    """V14, as an opaque byte string."""
    blob = ctx.profile.metadata_v14
    return compact(len(blob)) + blob


@runtime_api("Metadata.metadata_at_version")
def metadata_at_version(ctx: Context, version: int) -> bytes:
    """V14 or V15; None for other versions."""
    if version not in _SERVED_VERSIONS:
        return b"\x00"
    return opaque(ctx.profile.metadata_v15 if version == 15 else ctx.profile.metadata_v14)


@runtime_api("Metadata.metadata_versions")
def metadata_versions(ctx: Context) -> list[int]:
    """The versions that are served."""
    return list(_SERVED_VERSIONS)


@runtime_api("Core.version")
def core_version(ctx: Context) -> Any:
    """The runtime's version."""
    return ctx.constant("System", "Version")


@runtime_api("AccountNonceApi.account_nonce")
def account_nonce(ctx: Context, account: str) -> int:
    """The next nonce of an account, waiting transactions not counted."""
    return int(ctx.state.get("System", "Account", account)["nonce"])


@runtime_api("AuraApi.slot_duration")
def slot_duration(ctx: Context) -> int:
    """Milliseconds between blocks."""
    return int(ctx.constant("Aura", "SlotDuration"))


def _fee_of(ctx: Context, data: bytes) -> tuple[transaction_payment.DispatchInfo, int, int]:
    """Weight, fee without tip, and length of the extrinsic at the start of ``data``; a u32 length follows it."""
    try:
        body, at = read_compact(data, 0)
    except IndexError:
        raise ValueError("an extrinsic and its length are expected") from None
    raw, rest = data[: at + body], data[at + body :]
    if len(rest) != _U32:
        raise ValueError("an extrinsic and its length are expected")
    extrinsic = decode_extrinsic(raw, ctx.profile, SignedExtensions(ctx.profile))
    info = transaction_payment.dispatch_info(ctx.profile.codec, extrinsic.decoded)
    length = int.from_bytes(rest, "little")
    due = transaction_payment.fee(info, length) if extrinsic.signer is not None else 0
    return info, due, length


@runtime_api("TransactionPaymentApi.query_info", raw=True)
def query_info(ctx: Context, data: bytes) -> dict[str, Any]:
    """Weight, class and fee of an extrinsic, its signature unchecked."""
    info, due, _ = _fee_of(ctx, data)
    return {
        "weight": {"ref_time": info.weight, "proof_size": info.proof_size},
        "class": info.dispatch_class,
        "partial_fee": due,
    }


@runtime_api("TransactionPaymentApi.query_fee_details", raw=True)
def query_fee_details(ctx: Context, data: bytes) -> dict[str, Any]:
    """The fee in its parts."""
    _, due, length = _fee_of(ctx, data)
    if not due:
        return {"inclusion_fee": None, "tip": 0}
    base = transaction_payment.weight_fee(transaction_payment.BASE_EXTRINSIC_WEIGHT)
    parts = {"base_fee": base, "len_fee": length, "adjusted_weight_fee": due - length - base}
    return {"inclusion_fee": parts, "tip": 0}


@runtime_api("TransactionPaymentApi.query_weight_to_fee")
def query_weight_to_fee(ctx: Context, weight: dict[str, int]) -> int:
    """Rao for a weight."""
    return transaction_payment.weight_fee(int(weight["ref_time"]))


@runtime_api("TransactionPaymentApi.query_length_to_fee")
def query_length_to_fee(ctx: Context, length: int) -> int:
    """Rao for a length in bytes."""
    return length
