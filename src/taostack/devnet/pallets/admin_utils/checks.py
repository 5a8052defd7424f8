"""What a hyperparameter may be: one small function per rule.

Each gets the context, the netuid (None for chain-wide settings) and the value,
and ends the call with the chain's error when the value is not allowed.
"""

from collections.abc import Callable
from typing import Any

from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.neurons import size
from taostack.devnet.pallets.schedule import SUBTENSOR

ADMIN = "AdminUtils"
U16_MAX = 65_535
U64F64_ONE = 1 << 64
UIDS_TIMES_MECHANISMS = 256
OWNER_BONDS_MOVING_AVERAGE_MAX = 975_000
OWNER_IMMUNE_NEURONS_MAX = 10
REVEAL_PERIOD_MAX = 100
COLLATERAL_LOCK_SHARE_MAX = 62_258
COLLATERAL_DRAIN_RATIO_MAX = 10 * U64F64_ONE
BURN_INCREASE_MAX = 3 * U64F64_ONE
BURN_HALF_LIFE_MAX = 36_100
ALPHA_MIN = 1_638

Check = Callable[[Context, int, Any], None]


def max_allowed_uids(ctx: Context, netuid: int, value: int) -> None:
    """Not below the neurons there are, nor MinAllowedUids; not above 256 over all mechanisms."""
    if size(ctx.state, netuid) > value:
        ctx.fail(ADMIN, "MaxAllowedUIdsLessThanCurrentUIds")
    if value < ctx.state.get(SUBTENSOR, "MinAllowedUids", netuid):
        ctx.fail(ADMIN, "MaxAllowedUidsLessThanMinAllowedUids")
    if value > ctx.constant(SUBTENSOR, "InitialMaxAllowedUids"):
        ctx.fail(ADMIN, "MaxAllowedUidsGreaterThanDefaultMaxAllowedUids")
    if value * ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid) > UIDS_TIMES_MECHANISMS:
        ctx.fail(SUBTENSOR, "TooManyUIDsPerMechanism")


def min_allowed_uids(ctx: Context, netuid: int, value: int) -> None:
    """Below MaxAllowedUids, and not above the neurons there are."""
    if value >= ctx.state.get(SUBTENSOR, "MaxAllowedUids", netuid):
        ctx.fail(ADMIN, "MinAllowedUidsGreaterThanMaxAllowedUids")
    if value >= size(ctx.state, netuid):
        ctx.fail(ADMIN, "MinAllowedUidsGreaterThanCurrentUids")


def max_validators(ctx: Context, netuid: int, value: int) -> None:
    """Not more than MaxAllowedUids."""
    if value > ctx.state.get(SUBTENSOR, "MaxAllowedUids", netuid):
        ctx.fail(ADMIN, "MaxValidatorsLargerThanMaxUIds")


def activity_cutoff(ctx: Context, netuid: int, value: int) -> None:
    """Not below MinActivityCutoff."""
    if value < ctx.state.get(SUBTENSOR, "MinActivityCutoff"):
        ctx.fail(SUBTENSOR, "ActivityCutoffTooLow")


def activity_cutoff_factor(ctx: Context, netuid: int, value: int) -> None:
    """Between 1,000 and 50,000 thousandths of a tempo."""
    low = ctx.constant(SUBTENSOR, "MinActivityCutoffFactorMilli")
    high = ctx.constant(SUBTENSOR, "MaxActivityCutoffFactorMilli")
    if not low <= value <= high:
        ctx.fail(SUBTENSOR, "ActivityCutoffFactorMilliOutOfBounds")


def min_burn(ctx: Context, netuid: int, value: int) -> None:
    """Below its upper bound (1 TAO) and below MaxBurn."""
    bound = ctx.constant(SUBTENSOR, "MinBurnUpperBound")
    if not (value < bound and value < ctx.state.get(SUBTENSOR, "MaxBurn", netuid)):
        ctx.fail(ADMIN, "ValueNotInBounds")


def max_burn(ctx: Context, netuid: int, value: int) -> None:
    """Above its lower bound (0.1 TAO) and above MinBurn."""
    bound = ctx.constant(SUBTENSOR, "MaxBurnLowerBound")
    if not (value > bound and value > ctx.state.get(SUBTENSOR, "MinBurn", netuid)):
        ctx.fail(ADMIN, "ValueNotInBounds")


def bonds_moving_average(ctx: Context, netuid: int, value: int) -> None:
    """An owner may go up to 975,000 of a million."""
    if ctx.origin.kind != "root" and value > OWNER_BONDS_MOVING_AVERAGE_MAX:
        ctx.fail(ADMIN, "BondsMovingAverageMaxReached")


def sigmoid_steepness(ctx: Context, netuid: int, value: int) -> None:
    """Only root may set a negative steepness."""
    if ctx.origin.kind != "root" and value < 0:
        ctx.fail(ADMIN, "NegativeSigmoidSteepness")


def reveal_period(ctx: Context, netuid: int, value: int) -> None:
    """1 to 100 epochs."""
    if value > REVEAL_PERIOD_MAX:
        ctx.fail(SUBTENSOR, "RevealPeriodTooLarge")
    if value < 1:
        ctx.fail(SUBTENSOR, "RevealPeriodTooSmall")


def childkey_take(ctx: Context, netuid: int, value: int) -> None:
    """Not above the chain's greatest childkey take."""
    if value > ctx.state.get(SUBTENSOR, "MaxChildkeyTake"):
        ctx.fail(ADMIN, "ValueNotInBounds")


def owner_immune_neurons(ctx: Context, netuid: int, value: int) -> None:
    """1 to 10."""
    if not 1 <= value <= OWNER_IMMUNE_NEURONS_MAX:
        ctx.fail(SUBTENSOR, "InvalidValue")


def burn_half_life(ctx: Context, netuid: int, value: int) -> None:
    """At least one block; at most about five days."""
    if not 1 <= value <= BURN_HALF_LIFE_MAX:
        ctx.fail(ADMIN, "InvalidValue")


def burn_increase(ctx: Context, netuid: int, value: Any) -> None:
    """A factor from 1 to 3."""
    if not U64F64_ONE <= value["bits"] <= BURN_INCREASE_MAX:
        ctx.fail(ADMIN, "InvalidValue")


def collateral_share(ctx: Context, netuid: int, value: int) -> None:
    """At most 95 % of the price."""
    if value > COLLATERAL_LOCK_SHARE_MAX:
        ctx.fail(ADMIN, "CollateralLockShareTooHigh")


def collateral_drain(ctx: Context, netuid: int, value: Any) -> None:
    """More than 0, at most 10."""
    if not 0 < value["bits"] <= COLLATERAL_DRAIN_RATIO_MAX:
        ctx.fail(ADMIN, "CollateralDrainRatioOutOfBounds")


def pow_registration(ctx: Context, netuid: int, value: bool) -> None:
    """Registration by proof of work is gone in this runtime; it can only be switched off."""
    if value:
        ctx.fail(ADMIN, "POWRegistrationDisabled")
