"""What orchestrators and Prometheus get to see over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from consumer.telemetry.metrics import Metrics
from consumer.telemetry.ops_server import ops_server
from consumer.telemetry.readiness import Readiness
from consumer.telemetry.watchdog import Beat, Watchdog


@dataclass(frozen=True, slots=True)
class Ops:
    """A running server and what it reports."""

    url: str
    metrics: Metrics
    readiness: Readiness
    now_s: list[float]
    beat: Beat

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of one request."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as response:
            return response.status, await response.text()


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    now_s = [0.0]
    metrics, readiness, watchdog = Metrics(), Readiness(), Watchdog(clock=lambda: now_s[-1])
    async with ops_server(metrics, readiness, watchdog, host="127.0.0.1", port=0) as port:
        yield Ops(f"http://127.0.0.1:{port}", metrics, readiness, now_s, watchdog.watch("intake"))


async def test_the_program_is_alive_from_the_start_and_ready_only_when_it_has_begun(ops: Ops) -> None:
    assert (await ops.get("/healthz"))[0] == 200
    status, body = await ops.get("/readyz")
    assert (status, "starting" in body) == (503, True)
    ops.readiness.begin(lambda: None)
    assert (await ops.get("/readyz"))[0] == 200


async def test_the_first_reason_not_to_be_ready_is_told(ops: Ops) -> None:
    ops.readiness.begin(lambda: None, lambda: "the database is away", lambda: "stopping")
    status, body = await ops.get("/readyz")
    assert status == 503
    assert "the database is away" in body
    assert "stopping" not in body


async def test_a_loop_that_makes_no_round_for_a_minute_makes_the_program_unhealthy_and_is_named(ops: Ops) -> None:
    ops.now_s.append(59.0)
    assert (await ops.get("/healthz"))[0] == 200
    ops.now_s.append(61.0)
    status, body = await ops.get("/healthz")
    assert status == 503
    assert "intake has made no round for 61 s" in body
    ops.beat()
    assert (await ops.get("/healthz"))[0] == 200


async def test_metrics_are_in_the_form_of_prometheus(ops: Ops) -> None:
    ops.metrics.messaging.taken_in(claimed=3, duplicate=0, invalid=0, ignored=0)
    status, body = await ops.get("/metrics")
    assert status == 200
    assert 'instagram_feed_events_total{result="claimed"} 3.0' in body
    assert "# TYPE gen_ai_client_operation_duration_seconds histogram" in body
    assert not [line for line in body.splitlines() if "_created" in line.partition("{")[0].split(" ")[0][-8:]]


async def test_who_asks_for_openmetrics_gets_it(ops: Ops) -> None:
    asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    async with aiohttp.ClientSession() as session, session.get(f"{ops.url}/metrics", headers=asked) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        body = await answer.text()
    assert body.endswith("# EOF\n")
    assert "# TYPE instagram_feed_events counter" in body
    async with aiohttp.ClientSession() as session, session.get(f"{ops.url}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


async def test_another_path_is_not_found(ops: Ops) -> None:
    assert (await ops.get("/"))[0] == 404
