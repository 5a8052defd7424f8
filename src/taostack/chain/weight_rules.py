"""Would the chain take this weight vector now? Answered before anything is sent.

The checks mirror the order and the conditions of ``set_weights`` and
``commit_timelocked_weights`` in the subtensor runtime (specs/devnet.md 7.4).
"""

from dataclasses import dataclass

from taostack.chain.metagraph import Metagraph
from taostack.chain.schedule import EpochSchedule
from taostack.chain.vector import Limits, WeightVector


@dataclass(frozen=True, slots=True)
class WeightRules:
    """A subnet's rules for weights, and the setter's standing, at one block.

    ``uid`` is None when the hotkey is not registered; ``stake_rao`` is its stake
    weight as consensus counts it, ``stake_threshold_rao`` what the chain asks of it.
    ``last_update`` is the block of its last vector or commit (0: none yet), and
    ``rate_limit`` the blocks that must lie between two.
    """

    metagraph: Metagraph
    hotkey: str
    commit_reveal: bool
    rate_limit: int
    min_allowed_weights: int
    max_weight_limit: int
    version_key: int
    stake_threshold_rao: int
    reveal_period_epochs: int
    schedule: EpochSchedule
    block_seconds: float
    single_permit: bool = False

    @property
    def block(self) -> int:
        """The block at which all of this was read."""
        return self.metagraph.block

    @property
    def uid(self) -> int | None:
        """The setter's uid."""
        return self.metagraph.uid_of(self.hotkey)

    @property
    def is_owner(self) -> bool:
        """Whether the setter is the subnet's owner hotkey, which some checks spare."""
        return self.hotkey == self.metagraph.owner_hotkey

    @property
    def last_update(self) -> int:
        """The block of the setter's last vector or commit."""
        return 0 if self.uid is None else int(self.metagraph.last_update[self.uid])

    @property
    def limits(self) -> Limits:
        """What a vector must look like."""
        return Limits(len(self.metagraph), self.min_allowed_weights, self.max_weight_limit, self.uid)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the chain would say no, and the first block at which it may say yes (None: not by waiting)."""

    code: str
    detail: str
    remedy: str
    retry_at_block: int | None = None


def registered(rules: WeightRules) -> Refusal | None:
    """Refuse when the hotkey holds no uid."""
    if rules.uid is not None:
        return None
    return Refusal(
        "not-registered",
        f"hotkey {rules.hotkey} holds no uid on subnet {rules.metagraph.netuid} at block {rules.block}",
        "register it (again) with `btcli subnets register`; its weights count from the next epoch on",
    )


def allowed(rules: WeightRules, vector: WeightVector, version_key: int) -> Refusal | None:
    """The first reason for which the chain would refuse ``vector``, or None when it would take it."""
    missing = registered(rules)
    if missing is not None or rules.uid is None:
        return missing
    netuid = rules.metagraph.netuid
    stake = int(rules.metagraph.stake_rao[rules.uid])
    if not rules.is_owner and stake < rules.stake_threshold_rao:
        return Refusal(
            "stake-too-low",
            f"stake weight {stake / 1e9:.4f} is below the {rules.stake_threshold_rao / 1e9:.4f} "
            f"that subnet {netuid} asks of a validator",
            "stake more to this hotkey with `btcli stake add`",
        )
    if rules.version_key > version_key:
        return Refusal(
            "version-key",
            f"subnet {netuid} asks for version key {rules.version_key}, this validator has {version_key}",
            "update the validator to the version that the subnet's owner asks for",
        )
    limited = _rate_limit(rules)
    if limited is not None:
        return limited
    self_weight = vector.uids == (rules.uid,)
    spared = (self_weight or rules.is_owner) and not rules.single_permit
    if not spared and not bool(rules.metagraph.permit[rules.uid]):
        return Refusal(
            "no-permit",
            f"uid {rules.uid} holds no validator permit on subnet {netuid}",
            "permits go to the largest stakes at each epoch: stake more, then wait for the next epoch",
            rules.schedule.next_epoch_block,
        )
    return None


def _rate_limit(rules: WeightRules) -> Refusal | None:
    allowed_at = rules.last_update + rules.rate_limit
    if rules.rate_limit == 0 or rules.last_update == 0 or rules.block >= allowed_at:
        return None
    left = allowed_at - rules.block
    return Refusal(
        "rate-limited",
        f"weights were last set at block {rules.last_update}; the next may be set {rules.rate_limit} blocks later, "
        f"at block {allowed_at}",
        f"wait {left} blocks (about {left * rules.block_seconds:.0f} s)",
        allowed_at,
    )
