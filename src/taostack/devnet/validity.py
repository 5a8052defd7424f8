"""Whether a transaction may enter the pool or a block: the extensions' rules.

Order and answers are the chain's: sender, metadata hash, era, signature, nonce,
fee, and then the guards of the called pallet.
"""

from dataclasses import dataclass

from taostack.devnet.codec import metadata_digest
from taostack.devnet.extrinsics import Extrinsic, SignedExtensions, signature_holds
from taostack.devnet.pallets import transaction_payment
from taostack.devnet.pallets.balances import nonce, spendable
from taostack.devnet.pallets.dispatch import (
    GUARDS,
    INVALID_TRANSACTION,
    Context,
    Origin,
    PoolRejection,
    pool_rejection,
)
from taostack.devnet.pallets.transaction_payment import DispatchInfo
from taostack.devnet.profile import RuntimeProfile

UNKNOWN_TRANSACTION = 1011
_ZERO_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A transaction that is valid, now or once its nonce is due."""

    info: DispatchInfo
    payer: str
    fee: int
    priority: int
    birth_hash: bytes
    death: int


class Validator:
    """The transaction rules of one chain."""

    def __init__(self, profile: RuntimeProfile) -> None:
        self._profile = profile
        self.extensions = SignedExtensions(profile)
        self._metadata_hash: bytes | None = None

    def judge(
        self,
        extrinsic: Extrinsic,
        ctx: Context,
        genesis_hash: bytes,
        birth_hash: bytes | None,
        *,
        known: "Verdict | None" = None,
    ) -> Verdict:
        """Raise ``PoolRejection``, or say what applying in ``ctx.block`` would cost.

        ``birth_hash`` is the hash of the block at which the era began, None when
        it is too old; ``known`` is what was found when the same transaction was
        submitted, so that its signature need not be checked again. A nonce from
        the future passes.
        """
        if extrinsic.signer is None:
            raise PoolRejection(
                UNKNOWN_TRANSACTION,
                "Could not find an unsigned validator for the unsigned transaction",
                "Unknown Transaction Validity",
            )
        if extrinsic.public_key == _ZERO_KEY:
            raise PoolRejection(INVALID_TRANSACTION, "Invalid signing address")
        if birth_hash is None:
            raise PoolRejection(INVALID_TRANSACTION, "Transaction birth block ancient")
        if known is None or known.birth_hash != birth_hash:
            metadata_hash = self._digest() if extrinsic.metadata_hash_mode else None
            if not signature_holds(extrinsic, self.extensions.implicit(genesis_hash, birth_hash, metadata_hash)):
                raise PoolRejection.bad_proof()
        if extrinsic.nonce < nonce(ctx.state, extrinsic.signer):
            raise PoolRejection.stale()
        info = (
            transaction_payment.dispatch_info(self._profile.codec, extrinsic.decoded) if known is None else known.info
        )
        if info.dispatch_class == "Mandatory":
            text = "Transaction dispatch is mandatory; transactions must not be validated."
            raise PoolRejection(INVALID_TRANSACTION, text)
        payer = transaction_payment.payer(ctx.state, extrinsic.decoded, extrinsic.signer)
        due = transaction_payment.fee(info, len(extrinsic.raw), extrinsic.tip)
        if due and spendable(ctx.state, payer) < due:
            raise PoolRejection.payment()
        self._ask_guards(extrinsic, ctx)
        return Verdict(
            info,
            payer,
            due,
            transaction_payment.priority(info, len(extrinsic.raw), extrinsic.tip),
            birth_hash,
            extrinsic.era.death(ctx.block),
        )

    def _ask_guards(self, extrinsic: Extrinsic, ctx: Context) -> None:
        name = extrinsic.name
        forced = ctx.failures.get(name)
        if forced is not None:
            rejection = pool_rejection(forced)
            if rejection is not None:
                del ctx.failures[name]
                raise rejection
        guards = GUARDS.get(name)
        if guards:
            arguments = self._profile.codec.call_arguments(extrinsic.decoded, extrinsic.call)
            seen = ctx if extrinsic.signer is None else ctx.as_origin(Origin.signed_by(extrinsic.signer))
            for each in guards:
                each(seen, **arguments)

    def _digest(self) -> bytes:
        """RFC 78 digest of the metadata, for signers that show the call on a device."""
        if self._metadata_hash is None:
            profile = self._profile
            self._metadata_hash = metadata_digest(profile.metadata_v15, profile.spec_version, profile.spec_name)
        return self._metadata_hash
