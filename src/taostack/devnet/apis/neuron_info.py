"""``get_neurons``, ``get_neuron`` and their short forms."""

from typing import Any

from taostack.devnet.apis.columns import NO_PRUNING_SCORE, Columns
from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.neurons import exists
from taostack.devnet.pallets.schedule import SUBTENSOR


@runtime_api("NeuronInfoRuntimeApi.get_neurons_lite")
def get_neurons_lite(ctx: Context, netuid: int) -> list[dict[str, Any]]:
    """All neurons of a subnet without weights and bonds; none when there is no subnet."""
    return _neurons(ctx, netuid) if exists(ctx.state, netuid) else []


@runtime_api("NeuronInfoRuntimeApi.get_neuron_lite")
def get_neuron_lite(ctx: Context, netuid: int, uid: int) -> dict[str, Any] | None:
    """One neuron without weights and bonds."""
    every = get_neurons_lite(ctx, netuid)
    return every[uid] if uid < len(every) else None


@runtime_api("NeuronInfoRuntimeApi.get_neurons")
def get_neurons(ctx: Context, netuid: int) -> list[dict[str, Any]]:
    """All neurons of a subnet with weights and bonds."""
    weights = {key[0]: row for key, row in ctx.state.items(SUBTENSOR, "Weights", netuid)}
    bonds = {key[0]: row for key, row in ctx.state.items(SUBTENSOR, "Bonds", netuid)}
    return [
        {**neuron, "weights": _set(weights.get(neuron["uid"], ())), "bonds": _set(bonds.get(neuron["uid"], ()))}
        for neuron in get_neurons_lite(ctx, netuid)
    ]


@runtime_api("NeuronInfoRuntimeApi.get_neuron")
def get_neuron(ctx: Context, netuid: int, uid: int) -> dict[str, Any] | None:
    """One neuron with weights and bonds."""
    neuron = get_neuron_lite(ctx, netuid, uid)
    if neuron is None:
        return None
    rows = {item: _set(ctx.state.get(SUBTENSOR, item.title(), netuid, uid)) for item in ("weights", "bonds")}
    return {**neuron, **rows}


def _set(row: Any) -> list[tuple[int, int]]:
    """The entries of a row that are not zero."""
    return [(target, value) for target, value in row if value]


def _neurons(ctx: Context, netuid: int) -> list[dict[str, Any]]:
    columns = Columns(ctx.state, netuid)
    stakes, coldkeys = columns.stakes(), columns.coldkeys()
    rows = zip(
        columns.hotkeys,
        coldkeys,
        columns.axons(),
        columns.prometheus(),
        stakes.total,
        columns.of_subnet("Active", False),
        columns.of_subnet("Emission", 0),
        columns.of_mechanism("Incentive", 0),
        columns.of_subnet("Consensus", 0),
        columns.of_subnet("ValidatorTrust", 0),
        columns.of_subnet("Dividends", 0),
        columns.of_mechanism("LastUpdate", 0),
        columns.of_subnet("ValidatorPermit", False),
        strict=True,
    )
    return [
        {
            "hotkey": hotkey,
            "coldkey": coldkey,
            "uid": uid,
            "netuid": netuid,
            "active": active,
            "axon_info": axon,
            "prometheus_info": prometheus,
            "stake": [(coldkey, stake)],
            "rank": 0,
            "emission": emission,
            "incentive": incentive,
            "consensus": consensus,
            "trust": 0,
            "validator_trust": validator_trust,
            "dividends": dividends,
            "last_update": last_update,
            "validator_permit": permit,
            "pruning_score": NO_PRUNING_SCORE,
        }
        for uid, (
            hotkey,
            coldkey,
            axon,
            prometheus,
            stake,
            active,
            emission,
            incentive,
            consensus,
            validator_trust,
            dividends,
            last_update,
            permit,
        ) in enumerate(rows)
    ]
