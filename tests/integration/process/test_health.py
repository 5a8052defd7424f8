import socket

import aiohttp
import pytest

from taostack.process.errors import PortTakenError, UnavailableError
from taostack.process.health import Health, HealthServer
from taostack.process.metrics import Metrics


async def test_the_server_tells_health_readiness_and_metrics() -> None:
    health, metrics = Health(), Metrics()
    metrics.gauge("height", "Block.").set(7)
    health.set("chain", True, "block 7")
    health.set("epochs", True, vital=True)
    async with HealthServer(health, metrics) as server, aiohttp.ClientSession(server.url) as client:

        async def get(path: str) -> tuple[int, str]:
            async with client.get(path) as reply:
                return reply.status, await reply.text()

        assert await get("/healthz") == (200, '{"live":true,"parts":{"epochs":{"ok":true,"detail":""}}}')
        assert (await get("/readyz"))[0] == 200
        status, text = await get("/metrics")
        assert status == 200
        assert "height 7.0" in text
        health.set("epochs", False, "dead", vital=True)
        assert (await get("/healthz"))[0] == 503
        status, text = await get("/readyz")
        assert status == 503
        assert '"chain":{"ok":true,"detail":"block 7"}' in text
        assert (await get("/else"))[0] == 404


async def test_a_taken_port_is_told_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortTakenError, match="health server"):
            await HealthServer(Health(), Metrics(), port=taken.getsockname()[1]).__aenter__()


async def test_an_address_that_is_not_ours_is_told_with_a_remedy() -> None:
    with pytest.raises(UnavailableError, match="cannot listen on"):
        await HealthServer(Health(), Metrics(), host="192.0.2.1").__aenter__()
