"""Health and readiness of a process, and the small HTTP server that tells them.

Each part of a process reports for itself (``health.set("chain", True)``).
*Ready* means that every part is well; *live* that no vital part is broken, so
that a process manager restarts only what a restart can help. A part reported
with ``fresh_seconds`` counts as broken when it falls silent for longer.
"""

import asyncio
import errno
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from taostack.process.clock import Clock, SystemClock
from taostack.process.errors import PortTakenError, UnavailableError
from taostack.process.metrics import CONTENT_TYPE, Metrics

_STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Part:
    """What one part of the process last said of itself."""

    ok: bool
    detail: str = ""
    vital: bool = False
    fresh_seconds: float | None = None
    said_at: float = 0.0


class Health:
    """The parts of a process and how they are."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._parts: dict[str, Part] = {}

    def set(
        self, part: str, ok: bool, detail: str = "", *, vital: bool = False, fresh_seconds: float | None = None
    ) -> None:
        """Report ``part``; ``fresh_seconds`` is how long the report holds (``None``: until the next)."""
        self._parts[part] = Part(ok, detail, vital, fresh_seconds, self._clock.monotonic())

    def remove(self, part: str) -> None:
        """Forget a part that ended as it should."""
        self._parts.pop(part, None)

    @property
    def parts(self) -> dict[str, Part]:
        """Every part as it counts now: a silent one is not ok, and its detail says so."""
        now = self._clock.monotonic()
        return {name: _as_of(part, now) for name, part in self._parts.items()}

    @property
    def live(self) -> bool:
        """No vital part is broken."""
        return all(part.ok for part in self.parts.values() if part.vital)

    @property
    def ready(self) -> bool:
        """At least one part has reported, and all are well."""
        parts = self.parts
        return bool(parts) and all(part.ok for part in parts.values())


def _as_of(part: Part, now: float) -> Part:
    if part.fresh_seconds is None or now - part.said_at <= part.fresh_seconds:
        return part
    return Part(False, f"silent for {now - part.said_at:.0f} s", part.vital, part.fresh_seconds, part.said_at)


class HealthServer:
    """Serves ``/healthz``, ``/readyz`` (200 or 503, JSON) and ``/metrics`` while entered.

    ``port`` 0 takes a free one; ``.port`` is the one in use. Raises
    ``PortTakenError`` on entering when another process listens there.
    """

    def __init__(self, health: Health, metrics: Metrics, host: str = "127.0.0.1", port: int = 0) -> None:
        self._health = health
        self._metrics = metrics
        self.host = host
        self.port = port
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics_text),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_SECONDS)

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        try:
            await site.start()
        except OSError as problem:
            await self._runner.cleanup()
            if problem.errno == errno.EADDRINUSE:
                raise PortTakenError(self.host, self.port, "health server") from problem
            raise UnavailableError(
                f"the health server cannot listen on {self.host}:{self.port}: {problem.strerror or problem}",
                remedy="give an address of this machine with --health.host and --health.port",
            ) from problem
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._runner.cleanup())

    async def _healthz(self, _: web.Request) -> web.Response:
        return self._answer(self._health.live, "live", only_vital=True)

    async def _readyz(self, _: web.Request) -> web.Response:
        return self._answer(self._health.ready, "ready", only_vital=False)

    async def _metrics_text(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    def _answer(self, good: bool, word: str, *, only_vital: bool) -> web.Response:
        parts: dict[str, Any] = {
            name: {"ok": part.ok, "detail": part.detail}
            for name, part in sorted(self._health.parts.items())
            if part.vital or not only_vital
        }
        body = msgspec.json.encode({word: good, "parts": parts})
        return web.Response(status=200 if good else 503, body=body, content_type="application/json")
