"""``get_metagraph``, ``get_selective_metagraph`` and their siblings per mechanism."""

from collections.abc import Sequence
from typing import Any

from taostack.devnet.apis import facts
from taostack.devnet.apis.columns import NO_PRUNING_SCORE, Columns
from taostack.devnet.codec import byte_string, ss58_decode
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import exists, subnets
from taostack.devnet.pallets.schedule import SUBTENSOR

MECHANISM_STRIDE = 4096

SELECTIVE_FIELDS: tuple[str, ...] = (
    "netuid",
    "name",
    "symbol",
    "identity",
    "network_registered_at",
    "owner_hotkey",
    "owner_coldkey",
    "block",
    "tempo",
    "last_step",
    "blocks_since_last_step",
    "subnet_emission",
    "alpha_in",
    "alpha_out",
    "tao_in",
    "alpha_out_emission",
    "alpha_in_emission",
    "tao_in_emission",
    "pending_alpha_emission",
    "pending_root_emission",
    "subnet_volume",
    "moving_price",
    "rho",
    "kappa",
    "min_allowed_weights",
    "max_weights_limit",
    "weights_version",
    "weights_rate_limit",
    "activity_cutoff",
    "max_validators",
    "num_uids",
    "max_uids",
    "burn",
    "difficulty",
    "registration_allowed",
    "pow_registration_allowed",
    "immunity_period",
    "min_difficulty",
    "max_difficulty",
    "min_burn",
    "max_burn",
    "adjustment_alpha",
    "adjustment_interval",
    "target_regs_per_interval",
    "max_regs_per_block",
    "serving_rate_limit",
    "commit_reveal_weights_enabled",
    "commit_reveal_period",
    "liquid_alpha_enabled",
    "alpha_high",
    "alpha_low",
    "bonds_moving_avg",
    "hotkeys",
    "coldkeys",
    "identities",
    "axons",
    "active",
    "validator_permit",
    "pruning_score",
    "last_update",
    "emission",
    "dividends",
    "incentives",
    "consensus",
    "trust",
    "rank",
    "block_at_registration",
    "alpha_stake",
    "tao_stake",
    "total_stake",
    "tao_dividends_per_hotkey",
    "alpha_dividends_per_hotkey",
    "validators",
    "commitments",
    "collateral_locked",
    "collateral_min",
    "collateral_earned",
)
"""Fields in the order in which a client's indices count them."""


@runtime_api("SubnetInfoRuntimeApi.get_metagraph")
def get_metagraph(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """Everything about a subnet; None when there is none."""
    return _graph(ctx, netuid, 0)


@runtime_api("SubnetInfoRuntimeApi.get_mechagraph")
def get_mechagraph(ctx: Context, netuid: int, mecid: int) -> dict[str, Any] | None:
    """The metagraph as one mechanism sees it."""
    return _graph(ctx, netuid, mecid)


def _graph(ctx: Context, netuid: int, mechanism: int) -> dict[str, Any] | None:
    if not _has(ctx, netuid, mechanism):
        return None
    return {**_subnet(ctx, netuid, mechanism), **neurons(ctx, Columns(ctx.state, netuid, mechanism))}


@runtime_api("SubnetInfoRuntimeApi.get_all_metagraphs")
def get_all_metagraphs(ctx: Context) -> list[dict[str, Any] | None]:
    """The metagraphs of all subnets."""
    return [get_metagraph(ctx, netuid) for netuid in subnets(ctx.state)]


@runtime_api("SubnetInfoRuntimeApi.get_all_mechagraphs")
def get_all_mechagraphs(ctx: Context) -> list[dict[str, Any] | None]:
    """The metagraphs of all mechanisms of all subnets."""
    return [
        get_mechagraph(ctx, netuid, mechanism)
        for netuid in subnets(ctx.state)
        for mechanism in range(ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid))
    ]


@runtime_api("SubnetInfoRuntimeApi.get_selective_metagraph")
def get_selective_metagraph(ctx: Context, netuid: int, metagraph_indexes: Sequence[int]) -> dict[str, Any] | None:
    """Only the fields that the client asks for by index."""
    return _selected(ctx, netuid, 0, metagraph_indexes)


@runtime_api("SubnetInfoRuntimeApi.get_selective_mechagraph")
def get_selective_mechagraph(
    ctx: Context, netuid: int, subid: int, metagraph_indexes: Sequence[int]
) -> dict[str, Any] | None:
    """Only the fields that the client asks for, as one mechanism sees them."""
    return _selected(ctx, netuid, subid, metagraph_indexes)


def _selected(ctx: Context, netuid: int, mechanism: int, metagraph_indexes: Sequence[int]) -> dict[str, Any] | None:
    if not _has(ctx, netuid, mechanism):
        return None
    wanted = {SELECTIVE_FIELDS[each] for each in metagraph_indexes if each < len(SELECTIVE_FIELDS)}
    values: dict[str, Any] = dict.fromkeys(SELECTIVE_FIELDS)
    known = _subnet(ctx, netuid, mechanism)
    if wanted - known.keys():
        known |= neurons(ctx, Columns(ctx.state, netuid, mechanism))
        known["validators"] = [uid for uid, permit in enumerate(known["validator_permit"]) if permit]
        known["commitments"] = _commitments(ctx, netuid)
    values |= {name: known[name] for name in wanted}
    values["netuid"] = known["netuid"]
    return values


def _has(ctx: Context, netuid: int, mechanism: int) -> bool:
    return exists(ctx.state, netuid) and mechanism < ctx.state.get(SUBTENSOR, "MechanismCountCurrent", netuid)


def _subnet(ctx: Context, netuid: int, mechanism: int) -> dict[str, Any]:
    state = ctx.state
    economy = facts.economy(state, netuid)
    return {
        "netuid": mechanism * MECHANISM_STRIDE + netuid,
        "name": facts.name(state, netuid),
        "symbol": facts.symbol(state, netuid),
        "identity": facts.identity(state, netuid),
        "block": ctx.block,
        "subnet_emission": economy["tao_in_emission"],
        **facts.owners(state, netuid),
        **economy,
        **facts.hyperparameters(state, netuid),
    }


def neurons(ctx: Context, columns: Columns) -> dict[str, Any]:
    """The per-uid part of a metagraph."""
    stakes = columns.stakes()
    coldkeys = columns.coldkeys()
    locked, least, earned = columns.collateral(coldkeys)
    nothing = [0] * columns.count
    return {
        "hotkeys": columns.hotkeys,
        "coldkeys": coldkeys,
        "identities": columns.identities(coldkeys),
        "axons": columns.axons(),
        "active": columns.of_subnet("Active", False),
        "validator_permit": columns.of_subnet("ValidatorPermit", False),
        "pruning_score": [NO_PRUNING_SCORE] * columns.count,
        "last_update": columns.of_mechanism("LastUpdate", 0),
        "emission": columns.of_subnet("Emission", 0),
        "dividends": columns.of_subnet("Dividends", 0),
        "incentives": columns.of_mechanism("Incentive", 0),
        "consensus": columns.of_subnet("Consensus", 0),
        "trust": nothing,
        "rank": nothing,
        "block_at_registration": columns.registered(),
        "alpha_stake": stakes.alpha,
        "tao_stake": stakes.tao,
        "total_stake": stakes.total,
        "tao_dividends_per_hotkey": _by_hotkey(columns, "RootAlphaDividendsPerSubnet"),
        "alpha_dividends_per_hotkey": _by_hotkey(columns, "AlphaDividendsPerSubnet"),
        "collateral_locked": locked,
        "collateral_min": least,
        "collateral_earned": earned,
    }


def _by_hotkey(columns: Columns, item: str) -> list[tuple[bytes, int]]:
    return list(zip(columns.hotkeys, columns.amounts_by_hotkey(item), strict=True))


def _commitments(ctx: Context, netuid: int) -> list[tuple[bytes, list[int]]]:
    """The raw content of every commitment of a subnet."""
    found = []
    for (hotkey,), entry in ctx.state.items("Commitments", "CommitmentOf", netuid):
        data = b"".join(_field_bytes(field) for field in entry["info"]["fields"])
        found.append((ss58_decode(hotkey), list(data)))
    return found


def _field_bytes(field: Any) -> bytes:
    if isinstance(field, str):
        return b""
    kind, value = next(iter(field.items()))
    return byte_string(value["encrypted"] if kind == "TimelockEncrypted" else value)
