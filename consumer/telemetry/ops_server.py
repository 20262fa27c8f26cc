"""Health, readiness and metrics over HTTP, for orchestrators and Prometheus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from consumer.errors import StartupError
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.readiness import Readiness
from consumer.telemetry.watchdog import Watchdog

log = structlog.get_logger()


@asynccontextmanager
async def ops_server(
    metrics: Metrics, readiness: Readiness, watchdog: Watchdog, *, host: str, port: int
) -> AsyncIterator[int]:
    """Serve /healthz, /readyz and /metrics while the block runs; yields the port (0 picks a free one).

    Raises:
        StartupError: the address is in use or not local.
    """

    async def healthz(_: web.Request) -> web.Response:
        stuck = watchdog.stuck()
        if stuck is None:
            return web.json_response({"status": "alive"})
        return web.json_response({"status": "stuck", "reason": stuck}, status=503)

    async def readyz(_: web.Request) -> web.Response:
        reason = readiness.not_ready_because()
        if reason is None:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": reason}, status=503)

    async def expose(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))  # OpenMetrics if requested
        return web.Response(body=encode(metrics.registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", expose)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound_port = int(runner.addresses[0][1])
        log.info("ops.listening", host=host, port=bound_port)
        yield bound_port
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise StartupError(f"OPS_HOST, OPS_PORT: cannot listen on {host}:{port} ({error.strerror})") from error
