"""What creating a subnet costs."""

from taostack.devnet.pallets.dispatch import Context, runtime_api
from taostack.devnet.pallets.subnets import lock_cost


@runtime_api("SubnetRegistrationRuntimeApi.get_network_registration_cost")
def get_network_registration_cost(ctx: Context) -> int:
    """Rao that ``register_network`` takes now."""
    return lock_cost(ctx.state, ctx.block)
