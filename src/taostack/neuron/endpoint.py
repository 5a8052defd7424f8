"""Publishing where a miner answers: once, and again only when the chain shows something else."""

from ipaddress import ip_address

from taostack.chain.client import Chain
from taostack.chain.metagraph import AxonInfo, Metagraph
from taostack.chain.serving import ServeOutcome, checked_endpoint
from taostack.chain.wallet import Wallet
from taostack.neuron.blocks import BlockFollower
from taostack.neuron.config import AxonSettings
from taostack.neuron.errors import EndpointUnknownError
from taostack.neuron.metagraphs import MetagraphKeeper
from taostack.process.health import Health
from taostack.process.logs import Logger


def published_ip(settings: AxonSettings) -> str:
    """The address to publish, checked by the chain's rules.

    Raises EndpointUnknownError when only a wildcard address is known, and
    EndpointInvalidError for what the chain refuses (127.0.0.1 among others).
    """
    ip = settings.external_ip or settings.ip
    try:
        unspecified = ip_address(ip).is_unspecified
    except ValueError:
        unspecified = False
    if unspecified:
        raise EndpointUnknownError(f"the axon listens on {ip}, which is no address that peers could call")
    checked_endpoint(ip, settings.external_port or settings.port or 1)
    return ip


class EndpointPublisher:
    """Keeps one endpoint published; ``run`` is a task of a miner."""

    def __init__(
        self,
        chain: Chain,
        netuid: int,
        wallet: Wallet,
        *,
        ip: str,
        port: int,
        blocks: BlockFollower,
        metagraphs: MetagraphKeeper,
        health: Health,
        log: Logger,
    ) -> None:
        self._chain = chain
        self._netuid = netuid
        self._wallet = wallet
        self._ip = ip
        self._port = port
        self._blocks = blocks
        self._metagraphs = metagraphs
        self._health = health
        self._log = log

    async def run(self) -> None:
        """Publish, then watch every new metagraph for something else under this hotkey, for ever.

        Raises what ``Chain.serve`` raises: a hotkey that lost its place, a
        coldkey that cannot pay.
        """
        self._health.set("endpoint", False, "not yet published")
        seen: Metagraph | None = None
        while True:
            outcome = await self._publish()
            while True:
                seen = await self._metagraphs.changed(seen)
                # A snapshot older than the publication cannot show it.
                if seen.block > outcome.block and self._shown(seen) != outcome.endpoint:
                    self._log.warning("endpoint.replaced", shown=str(self._shown(seen)), block=seen.block)
                    break

    async def _publish(self) -> ServeOutcome:
        while True:
            outcome = await self._chain.serve(self._netuid, ip=self._ip, port=self._port, wallet=self._wallet)
            shown = f"{outcome.endpoint.host}:{outcome.endpoint.port}"
            if outcome.is_live:
                self._health.set("endpoint", True, shown)
                self._log.info("endpoint.live", endpoint=shown, status=outcome.status, block=outcome.block)
                return outcome
            retry_at = outcome.retry_at_block or outcome.block + 1
            self._health.set("endpoint", False, f"{shown} may be published from block {retry_at} on")
            self._log.info("endpoint.too_soon", endpoint=shown, retry_at_block=retry_at)
            await self._blocks.reached(retry_at)

    def _shown(self, metagraph: Metagraph) -> AxonInfo | None:
        uid = metagraph.uid_of(self._wallet.hotkey_address)
        return None if uid is None else metagraph.axons[uid]
