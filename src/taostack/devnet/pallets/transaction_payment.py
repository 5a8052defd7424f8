"""TransactionPayment: what an extrinsic costs, and who pays.

``fee = weight × 5e-4 + length`` in rao, with the weight (picoseconds of
reference time) including the base weight of an extrinsic. Checked against the
recorded receipt: 332,208,000 × 0.0005 + 143 = 166,247 rao for a transfer.

Calls that a hotkey signs in the course of its work (weights, axon, commitment)
are paid by the coldkey that owns it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taostack.devnet.codec import Codec
from taostack.devnet.pallets.dispatch import CALLS, DEFAULT_WEIGHT, Context, call_name, genesis
from taostack.devnet.store import Reader

BASE_EXTRINSIC_WEIGHT = 108_157_000
"""``System.BlockWeights.per_class.normal.base_extrinsic`` of the metadata."""

_WEIGHT_PER_RAO = 2_000
_OPERATIONAL_FEE_MULTIPLIER = 5

_NESTING = {
    "Sudo.sudo": "call",
    "Sudo.sudo_unchecked_weight": "call",
    "Sudo.sudo_as": "call",
    "Proxy.proxy": "call",
    "Proxy.proxy_announced": "call",
    "Multisig.as_multi": "call",
    "Multisig.as_multi_threshold_1": "call",
    "Utility.batch": "calls",
    "Utility.batch_all": "calls",
    "Utility.force_batch": "calls",
    "Utility.as_derivative": "call",
    "Utility.dispatch_as": "call",
    "Utility.with_weight": "call",
}
"""Calls that carry others, and the argument that holds them: their weight is added."""

_COLDKEY_PAYS = frozenset(
    {
        "SubtensorModule.set_weights",
        "SubtensorModule.set_mechanism_weights",
        "SubtensorModule.batch_set_weights",
        "SubtensorModule.commit_weights",
        "SubtensorModule.commit_mechanism_weights",
        "SubtensorModule.batch_commit_weights",
        "SubtensorModule.commit_crv3_mechanism_weights",
        "SubtensorModule.commit_timelocked_weights",
        "SubtensorModule.commit_timelocked_mechanism_weights",
        "SubtensorModule.reveal_weights",
        "SubtensorModule.reveal_mechanism_weights",
        "SubtensorModule.batch_reveal_weights",
        "SubtensorModule.serve_axon",
        "SubtensorModule.serve_axon_tls",
        "SubtensorModule.serve_prometheus",
        "SubtensorModule.associate_evm_key",
        "Commitments.set_commitment",
    }
)


@dataclass(frozen=True, slots=True)
class DispatchInfo:
    """Weight (without the base weight), class, and whether a fee is due."""

    weight: int
    proof_size: int
    dispatch_class: str
    pays_fee: bool

    def value(self, weight: int | None = None, pays_fee: bool | None = None) -> dict[str, Any]:
        """The event field, with the base weight added."""
        return {
            "weight": {
                "ref_time": (self.weight if weight is None else weight) + BASE_EXTRINSIC_WEIGHT,
                "proof_size": self.proof_size,
            },
            "class": self.dispatch_class,
            "pays_fee": "Yes" if (self.pays_fee if pays_fee is None else pays_fee) else "No",
        }


def dispatch_info(codec: Codec, decoded: Mapping[str, Any]) -> DispatchInfo:
    """Weight and class of a decoded call, with the calls it carries."""
    name = call_name(decoded)
    spec = CALLS.get(name)
    inner = [dispatch_info(codec, each) for each in nested_calls(decoded)]
    extra = sum(each.weight for each in inner)
    if spec is None:
        return DispatchInfo(DEFAULT_WEIGHT + extra, 0, "Normal", True)
    weight = spec.weight
    own = weight if isinstance(weight, int) else weight(codec.call_arguments(decoded, None))
    pays = spec.pays_fee and (not inner or any(each.pays_fee for each in inner))
    proof = spec.proof_size + sum(each.proof_size for each in inner)
    return DispatchInfo(own + extra, proof, spec.dispatch_class, pays)


def nested_calls(decoded: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The calls that a call carries."""
    argument = _NESTING.get(call_name(decoded))
    for each in decoded["call_args"]:
        if each["name"] == argument:
            return list(each["value"]) if isinstance(each["value"], list | tuple) else [each["value"]]
    return []


def fee(info: DispatchInfo, length: int, tip: int = 0) -> int:
    """Rao due for an extrinsic of ``length`` bytes."""
    if not info.pays_fee:
        return 0
    return weight_fee(info.weight + BASE_EXTRINSIC_WEIGHT) + length + tip


def weight_fee(weight: int) -> int:
    """Rao for a weight: 5e-4 of it."""
    return weight // _WEIGHT_PER_RAO


def priority(info: DispatchInfo, length: int, tip: int) -> int:
    """How soon a transaction is applied: by its tip, then by how much block it leaves to others."""
    operational = _OPERATIONAL_FEE_MULTIPLIER if info.dispatch_class == "Operational" else 1
    return (tip + 1) * operational * (10**12 // (info.weight + BASE_EXTRINSIC_WEIGHT + length))


def payer(state: Reader, decoded: Mapping[str, Any], signer: str) -> str:
    """Who pays: the owner's coldkey for a hotkey's work, else the signer."""
    if _hotkey_work(decoded):
        owner = state.get("SubtensorModule", "Owner", signer)
        if owner is not None and state.has("SubtensorModule", "Owner", signer):
            return str(owner)
    return signer


def _hotkey_work(decoded: Mapping[str, Any]) -> bool:
    name = call_name(decoded)
    if name in ("Sudo.sudo", "Sudo.sudo_as", "Sudo.sudo_unchecked_weight"):
        return False
    inner = nested_calls(decoded)
    return any(map(_hotkey_work, inner)) if inner else name in _COLDKEY_PAYS


@genesis(order=2)
def start(ctx: Context) -> None:
    """Fees are not multiplied."""
    ctx.state.put("TransactionPayment", "NextFeeMultiplier", value=10**18)
    ctx.state.put("TransactionPayment", "StorageVersion", value="V2")
