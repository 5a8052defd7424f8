"""When a subnet's epochs run: pure arithmetic on four stored numbers.

The chain keeps ``LastEpochBlock``, ``PendingEpochAt`` (an epoch that the owner
triggered or that was deferred) and ``BlocksSinceLastStep``; an epoch is due when
one of three clocks has run out. Source: spec page, section 7.1.
"""

from dataclasses import dataclass

from taostack.devnet.store import Reader

SUBTENSOR = "SubtensorModule"

MAX_BLOCKS_BETWEEN_STEPS = 50_400
"""An epoch runs at the latest after so many blocks, whatever the tempo is."""


@dataclass(frozen=True, slots=True)
class EpochClock:
    """The numbers that decide when the next epoch of one subnet runs (all in blocks)."""

    tempo: int
    last_epoch: int
    pending_at: int
    since_step: int
    index: int

    def due(self, block: int) -> bool:
        """True when the epoch runs in ``block``."""
        if self.tempo == 0:
            return False
        if 0 < self.pending_at <= block or self.since_step > MAX_BLOCKS_BETWEEN_STEPS:
            return True
        return block - self.last_epoch >= self.tempo

    def next_block(self) -> int | None:
        """The block in which the next epoch is expected; None for tempo 0."""
        if self.tempo == 0:
            return None
        automatic = self.last_epoch + self.tempo
        return min(automatic, self.pending_at) if self.pending_at else automatic

    def remaining(self, block: int) -> int | None:
        """Blocks until the next epoch (0 when it is due); None for tempo 0."""
        coming = self.next_block()
        return None if coming is None else max(0, coming - block)

    def index_at(self, block: int) -> int:
        """Number of the epoch that a commit made in ``block`` belongs to."""
        return self.index + 1 if self.due(block) else self.index


def epoch_clock(state: Reader, netuid: int) -> EpochClock:
    """The clock of ``netuid`` as ``state`` holds it."""
    return EpochClock(
        tempo=state.get(SUBTENSOR, "Tempo", netuid),
        last_epoch=state.get(SUBTENSOR, "LastEpochBlock", netuid),
        pending_at=state.get(SUBTENSOR, "PendingEpochAt", netuid),
        since_step=state.get(SUBTENSOR, "BlocksSinceLastStep", netuid),
        index=state.get(SUBTENSOR, "SubnetEpochIndex", netuid),
    )
