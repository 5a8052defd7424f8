"""When a subnet's epochs run: pure functions over what the chain holds.

The chain's schedule has a state (specs/devnet.md 7.1): an epoch is due when an
owner's trigger has come up, when ``tempo`` blocks have passed since the last
epoch, or when none ran for ``MAX_BLOCKS_BETWEEN_EPOCHS``. It may run a block
later than due when too many subnets are due at once, so plans use
``next_epoch_block`` and facts use ``epoch_index``.
"""

from dataclasses import dataclass

MAX_BLOCKS_BETWEEN_EPOCHS = 50_400
"""An epoch runs after this many blocks, whatever the tempo (``run_coinbase.rs``)."""


@dataclass(frozen=True, slots=True)
class EpochSchedule:
    """A subnet's epoch state at one block; all numbers are blocks.

    ``epoch_index`` counts the epochs that have run; ``pending_epoch_at`` is the
    block of an epoch that the owner triggered or the chain deferred, None when
    there is none.
    """

    netuid: int
    block: int
    tempo: int
    last_epoch_block: int
    epoch_index: int
    pending_epoch_at: int | None = None
    blocks_since_last_step: int = 0

    @property
    def runs(self) -> bool:
        """Whether this subnet runs epochs at all."""
        return self.tempo > 0

    @property
    def next_epoch_block(self) -> int | None:
        """The block at which the next epoch is due, never before the next block; None without epochs."""
        if not self.runs:
            return None
        forced = self.block + max(0, MAX_BLOCKS_BETWEEN_EPOCHS + 1 - self.blocks_since_last_step)
        due = min(self.last_epoch_block + self.tempo, forced)
        if self.pending_epoch_at is not None:
            due = min(due, self.pending_epoch_at)
        return max(due, self.block + 1)

    @property
    def blocks_left(self) -> int | None:
        """Blocks until the next epoch is due, at least 1; None without epochs."""
        due = self.next_epoch_block
        return None if due is None else due - self.block

    @property
    def progress(self) -> float:
        """How much of the running epoch has passed, 0..1."""
        if not self.runs:
            return 0.0
        return min(1.0, max(0.0, (self.block - self.last_epoch_block) / self.tempo))
