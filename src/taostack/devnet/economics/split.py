"""What becomes of an epoch's alpha: miners, validators, their parents, root, and what is left over.

The epoch's scores say who earned how much; here that is divided so that nothing
is created: every part is rounded down, and ``undistributed`` is what remains of
the pots. All amounts are rao of alpha.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taostack.devnet.economics.fixed import U16_MAX


@dataclass(frozen=True, slots=True)
class Pots:
    """Alpha that waited for the epoch."""

    server: int
    validator: int
    root: int

    @property
    def total(self) -> int:
        """All of it: what the epoch is run with."""
        return self.server + self.validator + self.root


@dataclass(frozen=True, slots=True)
class Scores:
    """One uid's part in the epoch (rao of ``Pots.total``, from Yuma)."""

    hotkey: str
    server: int
    validator: int


@dataclass(frozen=True, slots=True)
class Backing:
    """Stake behind a hotkey (any common unit): its alpha, and root's TAO as weighed."""

    alpha: int
    root: int


@dataclass(frozen=True, slots=True)
class Parent:
    """A hotkey that lends stake to a child: how much of the child's weight is its, and its coldkey."""

    hotkey: str
    contribution: int
    same_owner: bool


@dataclass(frozen=True, slots=True)
class Payout:
    """Who gets what."""

    incentive: dict[str, int]
    """Miners, by hotkey."""
    alpha_dividends: dict[str, int]
    """Validators and parents, by hotkey, paid as alpha to all stakers."""
    root_dividends: dict[str, int]
    """Validators and parents, by hotkey, sold for the root stakers."""
    undistributed: int


def pay(
    pots: Pots,
    scores: Sequence[Scores],
    backing: Mapping[str, Backing],
    parents: Mapping[str, Sequence[Parent]],
    own_contribution: Mapping[str, int],
    child_take: Mapping[str, int],
) -> Payout:
    """Divide the pots of an epoch.

    Miners get what Yuma gave them. Validators share the validator pot, and
    the miners' too when nobody earned incentive, by the part of their dividends
    that their alpha earned; the root pot by the part that root's TAO earned.
    ``child_take`` is of 65535.
    """
    incentive: dict[str, int] = {}
    for each in scores:
        if each.server:
            incentive[each.hotkey] = incentive.get(each.hotkey, 0) + each.server
    earned = sum(incentive.values())
    dividends: dict[str, int] = {}
    for each in scores:
        shares = share_with_parents(
            each.hotkey,
            each.validator,
            parents.get(each.hotkey, ()),
            own_contribution.get(each.hotkey, 0),
            child_take.get(each.hotkey, 0),
        )
        for hotkey, part in shares.items():
            dividends[hotkey] = dividends.get(hotkey, 0) + part

    pot = min(pots.validator if earned else pots.validator + pots.server, pots.total - earned)
    alpha_part, root_part = {}, {}
    for hotkey, part in dividends.items():
        held = backing.get(hotkey, Backing(0, 0))
        total = held.alpha + held.root
        root_part[hotkey] = part * held.root // total if total else 0
        alpha_part[hotkey] = part - root_part[hotkey]
    alpha_dividends = _proportional(pot, alpha_part)
    root_dividends = _proportional(min(pots.root, pots.total - earned - pot), root_part)
    paid = earned + sum(alpha_dividends.values()) + sum(root_dividends.values())
    return Payout(incentive, alpha_dividends, root_dividends, pots.total - paid)


def share_with_parents(
    hotkey: str, dividends: int, parents: Sequence[Parent], own_contribution: int, take: int
) -> dict[str, int]:
    """A validator's dividends divided between itself and those that lend it stake.

    A parent gets its contribution's part less the child's take (of 65535); no take
    between hotkeys of one owner. The child keeps the rest.
    """
    total = own_contribution + sum(parent.contribution for parent in parents)
    if not dividends or not total:
        return {hotkey: dividends} if dividends else {}
    shares: dict[str, int] = {}
    for parent in parents:
        part = dividends * parent.contribution // total
        kept = 0 if parent.same_owner else part * take // U16_MAX
        if part > kept:
            shares[parent.hotkey] = shares.get(parent.hotkey, 0) + part - kept
    shares[hotkey] = shares.get(hotkey, 0) + dividends - sum(shares.values())
    return shares


def _proportional(pot: int, parts: Mapping[str, int]) -> dict[str, int]:
    total = sum(parts.values())
    if not total:
        return {}
    shared = {key: pot * part // total for key, part in parts.items()}
    return {key: part for key, part in shared.items() if part}


def mechanism_shares(count: int, weights: Sequence[int] | None, emission: int) -> list[int]:
    """The emission (rao) of each of a subnet's mechanisms.

    ``weights`` are u16 parts (``MechanismEmissionSplit``), even without; the
    remainder goes to mechanism 0.
    """
    if count == 1:
        return [emission]
    given = list(weights)[:count] if weights is not None else []
    total = sum(given)
    if len(given) == count and total:
        shares = [emission * weight // total for weight in given]
    else:
        shares = [emission // count] * count
    shares[0] += emission - sum(shares)
    return shares
