"""``WeightSetter``: from a validator's scores to what the chain holds, with a reason for everything.

    setter = WeightSetter(chain, netuid, wallet, store, rules_digest=rules.digest())
    outcome = await setter.submit(ComputedScores.of(metagraph, scores, rules_digest=rules.digest()))
    if not outcome.ok: ...  # outcome.code, outcome.detail, outcome.remedy

One ``submit`` reads the subnet's rules, prepares the vector, checks everything that
the chain would check, sends, and reads back. It retries what time can mend and never
raises for what the chain or the network does: that is an outcome. A vector exists only
inside this call; what is kept over a restart are digests and the hash of an extrinsic
that may still be on its way.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from numpy.typing import ArrayLike

from taostack.chain.client import Chain
from taostack.chain.errors import (
    BlockUnknownError,
    ChainRefusedError,
    ChainUnavailableError,
    FateUnknownError,
    NotIncludedError,
)
from taostack.chain.metagraph import Metagraph
from taostack.chain.records import Receipt
from taostack.chain.scores import ComputedScores, remap
from taostack.chain.submission import Signed
from taostack.chain.vector import VectorRefusedError, WeightVector, prepare
from taostack.chain.wallet import Wallet
from taostack.chain.weight_chain import HeldCommit, Sealed, plain_call, read_commits, read_row, read_rules, sealed_call
from taostack.chain.weight_outcome import (
    Attempt,
    Readback,
    Reveal,
    SetterPolicy,
    WeightOutcome,
    outcome_of_error,
    outcome_of_refusal,
)
from taostack.chain.weight_rules import WeightRules, allowed, registered
from taostack.chain.weight_state import (
    MAX_COMMITS_KEPT,
    PendingCommit,
    PendingExtrinsic,
    SentVector,
    SetterState,
    Store,
    decode_state,
    encode_state,
)
from taostack.process.clock import Clock
from taostack.process.errors import TaostackError, UsageError
from taostack.process.logs import get_logger

_log = get_logger(__name__)

INCLUSION_BLOCKS = 5
"""How many blocks an extrinsic is given to be included before its fate is looked up."""

_MODE_SWITCHED = frozenset({"CommitRevealEnabled", "CommitRevealDisabled"})
"""The owner switched commit-reveal between our look and our call: look again."""

_TOO_FAST = frozenset({"SettingWeightsTooFast", "CommittingWeightsTooFast", "RateLimitExceeded"})


class _AgainError(Exception):
    """Leave this attempt and make another one."""

    def __init__(self, outcome: WeightOutcome, *, wait_seconds: float, counts: bool = True) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome
        self.wait_seconds = wait_seconds
        self.counts = counts


@dataclass(frozen=True, slots=True)
class _Draft:
    """A vector that passed every check, and the outcome to fill in once it is sent."""

    vector: WeightVector
    outcome: WeightOutcome


class WeightSetter:
    """Sets one hotkey's weights on one subnet.

    ``store`` keeps the setter's state; ``rules_digest`` names the scoring rules of
    this run, and scores computed by others are refused. One ``submit`` runs at a time.
    """

    def __init__(
        self,
        chain: Chain,
        netuid: int,
        wallet: Wallet,
        store: Store,
        clock: Clock | None = None,
        *,
        rules_digest: str = "",
        policy: SetterPolicy | None = None,
    ) -> None:
        self._chain = chain
        self._netuid = netuid
        self._wallet = wallet
        self._store = store
        self._clock = clock or chain.clock
        self._rules_digest = rules_digest
        self._policy = policy or SetterPolicy()
        self._state: SetterState | None = None
        # One vector at a time: the state describes a single extrinsic on its way.
        self._submitting = asyncio.Lock()

    async def submit(
        self, scores: ComputedScores | Mapping[int, float] | ArrayLike, *, metagraph: Metagraph | None = None
    ) -> WeightOutcome:
        """Bring ``scores`` onto the chain; plain scores need the ``metagraph`` they were computed for.

        Raises UsageError for scores that belong to another subnet or to uids that do not
        exist, and WeightStateError when the saved state is damaged; else an outcome.
        """
        if not isinstance(scores, ComputedScores):
            if metagraph is None:
                raise UsageError("plain scores need the metagraph they were computed for", remedy="pass metagraph=")
            scores = ComputedScores.of(metagraph, scores, rules_digest=self._rules_digest)
        if scores.netuid != self._netuid:
            raise UsageError(f"scores of subnet {scores.netuid} given to the setter of subnet {self._netuid}")
        async with self._submitting:
            outcome = await self._retrying(scores)
        self._report(outcome)
        return outcome

    async def last_sent(self) -> SentVector | None:
        """The digest and block of the last vector or commit that the chain took."""
        return (await self._load()).last

    async def reveals(self) -> tuple[Reveal, ...]:
        """Commits of ours that the chain no longer holds sealed, and what became of each.

        Each is told once; call it once an epoch. Raises ChainUnavailableError.
        """
        async with self._submitting:
            return await self._settle_commits()

    # Attempts -----------------------------------------------------------------------

    async def _retrying(self, scores: ComputedScores) -> WeightOutcome:
        started = self._clock.monotonic()
        attempts: list[Attempt] = []
        counted = 0
        while True:
            try:
                outcome = await self._attempt(scores)
                return replace(outcome, attempts=tuple(attempts))
            except _AgainError as again:
                outcome = again.outcome
                attempts.append(Attempt(outcome.block, outcome.code, outcome.detail))
                counted += again.counts
                left = self._policy.deadline_seconds - (self._clock.monotonic() - started)
                if counted >= self._policy.max_attempts or again.wait_seconds > left:
                    return replace(outcome, attempts=tuple(attempts))
                _log.info("weights.retry", netuid=self._netuid, code=outcome.code, wait_seconds=again.wait_seconds)
                await self._clock.sleep(again.wait_seconds)

    async def _attempt(self, scores: ComputedScores) -> WeightOutcome:
        try:
            state = await self._load()
            if state.pending is not None:
                await self._settle(state.pending)
            rules = await read_rules(self._chain, self._netuid, self._wallet.hotkey_address)
            prepared = self._prepare(scores, rules)
            return await self._send(prepared, rules) if isinstance(prepared, _Draft) else prepared
        except (ChainUnavailableError, NotIncludedError) as error:
            raise _AgainError(
                outcome_of_error("failed", error), wait_seconds=self._policy.retry_pause_seconds
            ) from error
        except FateUnknownError as error:
            return replace(outcome_of_error("unknown", error), retry_at_block=error.last_valid_block + 1)
        except ChainRefusedError as error:
            return self._refused_by_chain(error)
        except TaostackError as error:
            if isinstance(error, UsageError):
                raise
            return outcome_of_error("failed", error)

    def _prepare(self, scores: ComputedScores, rules: WeightRules) -> "WeightOutcome | _Draft":
        """The vector to send, or the outcome when nothing is to be sent."""
        missing = registered(rules)
        if missing is not None:
            return outcome_of_refusal(missing, rules)
        if scores.rules_digest != self._rules_digest:
            return WeightOutcome(
                "refused",
                "other-rules",
                f"the scores were computed by rules {scores.rules_digest!r}, this run has {self._rules_digest!r}",
                "score again with the rules of this run",
            )
        lasts_until = scores.block + (self._policy.max_age_blocks or max(rules.schedule.tempo, 1))
        if rules.block > lasts_until:
            return WeightOutcome(
                "refused",
                "stale-scores",
                f"the scores belong to block {scores.block}, {rules.block - scores.block} blocks ago",
                "score again on a fresh metagraph",
                next_epoch_block=rules.schedule.next_epoch_block,
            )
        carried = remap(scores, rules.metagraph)
        try:
            vector = prepare(self._or_burn(carried.scores, rules), rules.limits)
        except VectorRefusedError as error:
            empty = error.code == "all-zero"
            return replace(
                outcome_of_error("nothing" if empty else "refused", error), moved=carried.moved, dropped=carried.dropped
            )
        refusal = allowed(rules, vector, self._policy.version_key)
        if refusal is None:
            return _Draft(
                vector,
                WeightOutcome(
                    "unknown",
                    "fate-unknown",
                    "",
                    vector=vector,
                    next_epoch_block=rules.schedule.next_epoch_block,
                    moved=carried.moved,
                    dropped=carried.dropped,
                ),
            )
        outcome = replace(
            outcome_of_refusal(refusal, rules), vector=vector, moved=carried.moved, dropped=carried.dropped
        )
        # To wait for a block at which these scores are stale would only keep newer ones from being sent.
        if (
            refusal.code == "rate-limited"
            and refusal.retry_at_block is not None
            and refusal.retry_at_block <= lasts_until
        ):
            blocks = max(1, refusal.retry_at_block - rules.block)
            raise _AgainError(outcome, wait_seconds=blocks * rules.block_seconds, counts=False)
        return outcome

    def _or_burn(self, scores: dict[int, float], rules: WeightRules) -> dict[int, float]:
        if not self._policy.burn_when_empty or any(score != 0 for score in scores.values()):
            return scores
        owner_uid = rules.metagraph.uid_of(rules.metagraph.owner_hotkey)
        return scores if owner_uid is None else {owner_uid: 1.0}

    # Sending ------------------------------------------------------------------------

    async def _send(self, draft: "_Draft", rules: WeightRules) -> WeightOutcome:
        vector = draft.vector
        key = self._policy.version_key
        sealed = sealed_call(rules, vector, key, self._wallet.hotkey) if rules.commit_reveal else None
        call = sealed.call if sealed is not None else plain_call(self._netuid, vector, key)
        what = f"{'commit' if sealed is not None else 'set'} weights on subnet {self._netuid}"
        digest = vector.digest()

        async def write_down(signed: Signed) -> None:
            pending = PendingExtrinsic(
                what=what,
                extrinsic_hash=signed.extrinsic_hash,
                signer=signed.signer,
                nonce=signed.nonce,
                born_at=signed.born_at,
                last_valid_block=signed.last_valid_block,
                digest=digest,
                reveal_round=None if sealed is None else sealed.reveal_round,
            )
            await self._save(pending=pending)

        try:
            receipt = await self._chain.submit(
                what,
                call,
                self._wallet.hotkey,
                deadline_seconds=max(self._chain.connection.deadline_seconds, INCLUSION_BLOCKS * rules.block_seconds),
                before_sending=write_down,
            )
        except (NotIncludedError, ChainRefusedError):
            await self._save(pending=None)
            raise
        await self._save(pending=None, last=SentVector(digest, receipt.block))
        included = replace(
            draft.outcome,
            status="set" if sealed is None else "committed",
            code="ok",
            detail=f"included in block {receipt.block}",
            block=receipt.block,
            reveal_round=None if sealed is None else sealed.reveal_round,
        )
        return await self._read_back(included, receipt, rules.metagraph.hotkeys.index(rules.hotkey), vector, sealed)

    async def _read_back(
        self, included: WeightOutcome, receipt: Receipt, uid: int, vector: WeightVector, sealed: Sealed | None
    ) -> WeightOutcome:
        """Compare what the chain holds in the block of inclusion with what was sent."""
        try:
            if sealed is None:
                held = await read_row(self._chain, self._netuid, uid, receipt.block)
                readback = Readback(held.digest() == vector.digest(), held=held)
            else:
                commits = await read_commits(self._chain, self._netuid, self._wallet.hotkey_address, receipt.block)
                ours = next((held for held in commits if held.commit == sealed.commit), None)
                readback = Readback(ours is not None, commit=ours)
                if ours is not None:
                    await self._remember_commit(vector.digest(), ours)
        except (ChainUnavailableError, BlockUnknownError) as error:
            return replace(included, code="readback-missing", detail=str(error), remedy=error.remedy)
        if readback.matches:
            return replace(included, readback=readback)
        return replace(
            included,
            status="failed",
            code="readback-differs",
            detail=f"block {receipt.block} holds the extrinsic, but not what it should have stored",
            remedy="see whether another process sets weights with the same hotkey",
            readback=readback,
        )

    def _refused_by_chain(self, error: ChainRefusedError) -> WeightOutcome:
        outcome = replace(outcome_of_error("refused", error), block=error.block)
        if error.name in _MODE_SWITCHED:
            raise _AgainError(replace(outcome, code="commit-reveal-switched"), wait_seconds=0.0) from error
        if error.name in _TOO_FAST:
            raise _AgainError(
                replace(outcome, code="rate-limited"), wait_seconds=self._policy.retry_pause_seconds
            ) from error
        return outcome

    # What is on its way ---------------------------------------------------------------

    async def _settle(self, pending: PendingExtrinsic) -> None:
        """Find out what became of an extrinsic that an earlier call, or an earlier run, left open."""
        signed = pending.signed()
        try:
            receipt = await self._chain.submitter.resolve(signed)
        except (NotIncludedError, ChainRefusedError) as error:
            _log.info("weights.pending_gone", netuid=self._netuid, hash=pending.extrinsic_hash, reason=str(error))
            await self._save(pending=None)
            return
        except BlockUnknownError:
            # The node has forgotten those blocks. Past its life the extrinsic cannot come any more.
            if (await self._chain.head()).number <= pending.last_valid_block:
                raise
            await self._save(pending=None)
            return
        _log.info("weights.pending_included", netuid=self._netuid, block=receipt.block)
        await self._save(pending=None, last=SentVector(pending.digest, receipt.block))
        if pending.reveal_round is not None:
            hotkey = self._wallet.hotkey_address
            for held in await read_commits(self._chain, self._netuid, hotkey, receipt.block):
                if held.block == receipt.block and held.reveal_round == pending.reveal_round:
                    await self._remember_commit(pending.digest, held)

    async def _settle_commits(self) -> tuple[Reveal, ...]:
        state = await self._load()
        if not state.commits:
            return ()
        hotkey = self._wallet.hotkey_address
        sealed = {(held.epoch, held.block) for held in await read_commits(self._chain, self._netuid, hotkey)}
        gone = [commit for commit in state.commits if (commit.epoch, commit.block) not in sealed]
        if not gone:
            return ()
        place = await self._chain.registration(self._netuid, hotkey)
        row = WeightVector((), ()) if place is None else await read_row(self._chain, self._netuid, place.uid)
        newest = gone[-1]
        result: Literal["revealed", "lost"] = "revealed" if row.digest() == newest.digest else "lost"
        told = [Reveal(commit, "superseded") for commit in gone[:-1]] + [Reveal(newest, result)]
        for reveal in told:
            report = _log.warning if reveal.result == "lost" else _log.info
            report("weights.commit_" + reveal.result, netuid=self._netuid, block=reveal.commit.block)
        await self._save(commits=tuple(commit for commit in state.commits if commit not in gone))
        return tuple(told)

    async def _remember_commit(self, digest: str, held: HeldCommit) -> None:
        state = await self._load()
        commit = PendingCommit(digest, held.block, held.epoch, held.reveal_round)
        await self._save(commits=(*state.commits, commit)[-MAX_COMMITS_KEPT:])

    # State ------------------------------------------------------------------------------

    async def _load(self) -> SetterState:
        if self._state is None:
            genesis = await self._chain.block_hash(0)
            fresh = SetterState(genesis, self._netuid, self._wallet.hotkey_address)
            data = await asyncio.to_thread(self._store.load)
            saved = fresh if data is None else decode_state(data)
            same = (saved.genesis, saved.netuid, saved.hotkey) == (fresh.genesis, fresh.netuid, fresh.hotkey)
            if not same:
                _log.warning("weights.state_of_another", netuid=self._netuid, saved_netuid=saved.netuid)
            self._state = saved if same else fresh
        return self._state

    async def _save(self, **changes: object) -> None:
        state = msgspec.structs.replace(await self._load(), **changes)
        await asyncio.to_thread(self._store.save, encode_state(state))
        self._state = state

    def _report(self, outcome: WeightOutcome) -> None:
        report = _log.info if outcome.ok or outcome.status == "nothing" else _log.warning
        report(
            "weights.outcome",
            netuid=self._netuid,
            status=outcome.status,
            code=outcome.code,
            detail=outcome.detail,
            remedy=outcome.remedy,
            block=outcome.block,
            attempts=len(outcome.attempts) + 1,
        )
