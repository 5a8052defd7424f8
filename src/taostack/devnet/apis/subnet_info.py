"""What clients ask about subnets besides the metagraph."""

from typing import Any

from taostack.devnet.apis import facts
from taostack.devnet.apis.columns import Columns
from taostack.devnet.apis.metagraph import neurons
from taostack.devnet.codec import ss58_encode
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import exists, subnets
from taostack.devnet.pallets.schedule import SUBTENSOR, epoch_clock
from taostack.devnet.pallets.subnets import subnet_to_prune

_NO_MODALITY = 0


@runtime_api("SubnetInfoRuntimeApi.get_subnet_info")
def get_subnet_info(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """The old short description of a subnet."""
    return {**_info(ctx, netuid), "emission_values": 0} if exists(ctx.state, netuid) else None


@runtime_api("SubnetInfoRuntimeApi.get_subnets_info")
def get_subnets_info(ctx: Context) -> list[dict[str, Any] | None]:
    """The old short description of every subnet."""
    return [get_subnet_info(ctx, netuid) for netuid in subnets(ctx.state)]


@runtime_api("SubnetInfoRuntimeApi.get_subnet_info_v2")
def get_subnet_info_v2(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """The short description with the owner's own words."""
    if not exists(ctx.state, netuid):
        return None
    return {**_info(ctx, netuid), "emission_value": 0, "identity": facts.identity(ctx.state, netuid)}


@runtime_api("SubnetInfoRuntimeApi.get_subnets_info_v2")
def get_subnets_info_v2(ctx: Context) -> list[dict[str, Any] | None]:
    """The short description of every subnet with the owners' own words."""
    return [get_subnet_info_v2(ctx, netuid) for netuid in subnets(ctx.state)]


def _info(ctx: Context, netuid: int) -> dict[str, Any]:
    state, values = ctx.state, facts.hyperparameters(ctx.state, netuid)
    return {
        "netuid": netuid,
        "rho": values["rho"],
        "kappa": values["kappa"],
        "difficulty": values["difficulty"],
        "immunity_period": values["immunity_period"],
        "max_allowed_validators": values["max_validators"],
        "min_allowed_weights": values["min_allowed_weights"],
        "max_weights_limit": values["max_weights_limit"],
        "scaling_law_power": state.get(SUBTENSOR, "ScalingLawPower", netuid),
        "subnetwork_n": values["num_uids"],
        "max_allowed_uids": values["max_uids"],
        "blocks_since_last_step": state.get(SUBTENSOR, "BlocksSinceLastStep", netuid),
        "tempo": state.get(SUBTENSOR, "Tempo", netuid),
        "network_modality": _NO_MODALITY,
        "network_connect": [],
        "burn": values["burn"],
        "owner": state.get(SUBTENSOR, "SubnetOwner", netuid),
    }


@runtime_api("SubnetInfoRuntimeApi.get_dynamic_info")
def get_dynamic_info(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """Pool, emission and price of a subnet."""
    state = ctx.state
    if not exists(state, netuid):
        return None
    economy = facts.economy(state, netuid)
    return {
        "netuid": netuid,
        "subnet_name": facts.name(state, netuid),
        "token_symbol": facts.symbol(state, netuid),
        "emission": economy["tao_in_emission"],
        "subnet_identity": facts.identity(state, netuid),
        **facts.owners(state, netuid),
        **economy,
    }


@runtime_api("SubnetInfoRuntimeApi.get_all_dynamic_info")
def get_all_dynamic_info(ctx: Context) -> list[dict[str, Any] | None]:
    """Pool, emission and price of every subnet."""
    return [get_dynamic_info(ctx, netuid) for netuid in subnets(ctx.state)]


@runtime_api("SubnetInfoRuntimeApi.get_subnet_state")
def get_subnet_state(ctx: Context, netuid: int) -> dict[str, Any] | None:
    """The per-uid part of a metagraph alone."""
    if not exists(ctx.state, netuid):
        return None
    columns = neurons(ctx, Columns(ctx.state, netuid))
    return {"netuid": netuid, "emission_history": [], **columns}


@runtime_api("SubnetInfoRuntimeApi.get_next_epoch_start_block")
def get_next_epoch_start_block(ctx: Context, netuid: int) -> int | None:
    """The block in which the next epoch is expected; None for tempo 0 or no subnet."""
    return epoch_clock(ctx.state, netuid).next_block() if exists(ctx.state, netuid) else None


@runtime_api("SubnetInfoRuntimeApi.get_subnet_to_prune")
def get_subnet_to_prune(ctx: Context) -> int | None:
    """The subnet that would make room for a new one."""
    return subnet_to_prune(ctx.state, ctx.block)


@runtime_api("SubnetInfoRuntimeApi.get_block_emission")
def get_block_emission(ctx: Context) -> int:
    """Rao that a block emits."""
    return int(ctx.state.get(SUBTENSOR, "BlockEmission"))


@runtime_api("SubnetInfoRuntimeApi.get_coldkey_auto_stake_hotkey")
def get_coldkey_auto_stake_hotkey(ctx: Context, coldkey: str, netuid: int) -> str | None:
    """Where a coldkey's mining income is staked automatically."""
    hotkey: str | None = ctx.state.get(SUBTENSOR, "AutoStakeDestination", coldkey, netuid)
    return hotkey


@runtime_api("SubnetInfoRuntimeApi.get_subnet_account_id")
def get_subnet_account_id(ctx: Context, netuid: int) -> str | None:
    """The account that a subnet itself has."""
    if not exists(ctx.state, netuid):
        return None
    return subnet_account(netuid)


def subnet_account(netuid: int) -> str:
    """A subnet's own account: ``modl`` ++ pallet id ++ netuid, filled up to 32 bytes."""
    seed = b"modl" + b"subtensr" + netuid.to_bytes(2, "little")
    return ss58_encode(seed.ljust(32, b"\x00"))
