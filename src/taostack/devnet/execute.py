"""Apply extrinsics to the block being built: nonce, fee, call, events."""

from typing import TYPE_CHECKING, Any

from taostack.devnet.extrinsics import Extrinsic, UndecodableError
from taostack.devnet.pallets import balances
from taostack.devnet.pallets.dispatch import NONE, Context, DispatchFailed, Origin, PoolRejection, Post
from taostack.devnet.pallets.transaction_payment import BASE_EXTRINSIC_WEIGHT, dispatch_info, weight_fee
from taostack.devnet.pool import Entry
from taostack.devnet.validity import Verdict
from taostack.process.logs import get_logger

if TYPE_CHECKING:
    from taostack.devnet.author import Chain

_log = get_logger("taostack.devnet")


class Execution:
    """The extrinsics of one block, applied one after the other."""

    def __init__(self, chain: "Chain", ctx: Context) -> None:
        self.extrinsics: list[bytes] = []
        self.included: list[Entry] = []
        self.invalid: list[Entry] = []
        self._chain = chain
        self._ctx = ctx
        self._weight = 0
        self._length = 0
        self._burned = 0

    def has_room(self, entry: Entry) -> bool:
        """True while the block's weight and length allow another extrinsic."""
        limits = self._chain.limits
        return self._weight < limits.block_weight and self._length + len(entry.extrinsic.raw) <= limits.block_length

    def inherent(self, extrinsic: Extrinsic) -> None:
        """Apply an extrinsic of the author's own: no signature, no fee, and it must not fail."""
        ctx = self._ctx
        info = dispatch_info(ctx.profile.codec, extrinsic.decoded)
        ctx.events.in_extrinsic(len(self.extrinsics))
        ctx.dispatch(extrinsic.decoded, NONE, extrinsic.call)
        ctx.emit("System", "ExtrinsicSuccess", info.value())
        self._take(extrinsic, info.weight)

    def apply_entry(self, entry: Entry) -> None:
        """Judge a waiting transaction once more and apply it, or put it among the invalid ones."""
        try:
            verdict = self._chain.judge(entry.extrinsic, self._ctx, known=entry.verdict)
        except PoolRejection as rejection:
            _log.info("transaction no longer valid", hash="0x" + entry.extrinsic.hash.hex(), reason=str(rejection))
            self.invalid.append(entry)
            return
        self.included.append(entry)
        self._apply(entry.extrinsic, verdict)
        self._apply_further()

    def _apply_further(self) -> None:
        """Extrinsics that a call asked to have included after it (what the MEV shield had hidden)."""
        queue = self._ctx.extrinsics
        while queue:
            raw = queue.pop(0)
            try:
                extrinsic = self._chain.decode(raw)
                verdict = self._chain.judge(extrinsic, self._ctx)
                if extrinsic.nonce != self._chain.account_nonce(extrinsic.signer or ""):
                    raise PoolRejection.stale()
            except (UndecodableError, PoolRejection) as refused:
                _log.info("inner extrinsic refused", reason=str(refused))
                continue
            self._apply(extrinsic, verdict)

    def _apply(self, extrinsic: Extrinsic, verdict: Verdict) -> None:
        ctx = self._ctx
        signer = extrinsic.signer or ""
        ctx.events.in_extrinsic(len(self.extrinsics))
        balances.use_nonce(ctx.state, signer)
        if verdict.fee:
            balances.withdraw(ctx, verdict.payer, verdict.fee)
            ctx.emit("Balances", "Withdraw", verdict.payer, verdict.fee)
        error, post = self._call(extrinsic, signer)
        weight = verdict.info.weight if post.weight is None else min(post.weight, verdict.info.weight)
        pays = verdict.info.pays_fee and post.pays_fee
        kept = self._settle_fee(extrinsic, verdict, weight, pays)
        ctx.emit("TransactionPayment", "TransactionFeePaid", verdict.payer, kept, extrinsic.tip if pays else 0)
        info = verdict.info.value(weight, pays)
        if error is None:
            ctx.emit("System", "ExtrinsicSuccess", info)
        else:
            ctx.emit("System", "ExtrinsicFailed", error, info)
        self._take(extrinsic, weight)

    def _call(self, extrinsic: Extrinsic, signer: str) -> tuple[Any, Post]:
        try:
            return None, self._ctx.dispatch(extrinsic.decoded, Origin.signed_by(signer), extrinsic.call)
        except DispatchFailed as failure:
            return failure.error, failure.post
        except Exception:
            # A fault in a pallet must not take the chain down with it: the call fails, its writes are gone.
            _log.exception("call ended in a fault", call=extrinsic.name, signer=signer)
            return {"Other": None}, Post()

    def _settle_fee(self, extrinsic: Extrinsic, verdict: Verdict, weight: int, pays: bool) -> int:
        """Give back what is not due; returns what is kept (destroyed at the end of the block)."""
        if not verdict.fee:
            return 0
        due = weight_fee(weight + BASE_EXTRINSIC_WEIGHT) + len(extrinsic.raw) + extrinsic.tip if pays else 0
        refund = verdict.fee - due
        try:
            balances.deposit(self._ctx, verdict.payer, refund)
        except DispatchFailed:
            due = verdict.fee  # the payer is gone and the refund is too small to bring it back
        else:
            self._ctx.emit("Balances", "Deposit", verdict.payer, refund)
        self._burned += due
        return due

    def _take(self, extrinsic: Extrinsic, weight: int) -> None:
        self.extrinsics.append(extrinsic.raw)
        self._weight += weight + BASE_EXTRINSIC_WEIGHT
        self._length += len(extrinsic.raw)

    def settle(self) -> None:
        """Destroy the block's fees: nobody on the devnet lives from them."""
        balances.change_issuance(self._ctx.state, -self._burned)
