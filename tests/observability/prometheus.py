"""Debian's Prometheus as a process of the run's own."""

import asyncio
import math
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientError, ClientSession

from devstack.ports import free_port
from tests.support.waiting import eventually

PROMETHEUS = shutil.which("prometheus")
START_DEADLINE_S = 30.0
JOB = "instagram-feed"


class Prometheus:
    """Asks a server by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"

    async def is_ready(self) -> bool:
        """Whether it takes queries."""
        try:
            async with ClientSession() as session, session.get(f"{self._root}/-/ready") as response:
                return response.ok
        except ClientError:
            return False

    async def values(self, expression: str) -> list[float]:
        """The values of an expression now; what is not a number is no data."""
        found = (await self._asked("query", query=expression))["result"]
        values = [float(sample["value"][1]) for sample in found]
        return [value for value in values if not math.isnan(value)]

    async def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = (await self._asked("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def _asked(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - as the API has it
        async with (
            ClientSession() as session,
            session.get(f"{self._root}/api/v1/{path}", params=parameters) as response,
        ):
            answer = await response.json()
            assert answer["status"] == "success", answer
            return answer["data"]


@asynccontextmanager
async def running_prometheus(folder: Path, *, target: str, rules: str, interval_s: float) -> AsyncIterator[Prometheus]:
    """A server that scrapes one consumer, with these rules, for the time of a block."""
    _write_configuration(folder, target=target, rules=rules, interval_s=interval_s)
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(PROMETHEUS),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    prometheus = Prometheus(port)
    try:
        await eventually(prometheus.is_ready, START_DEADLINE_S)
        yield prometheus
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _write_configuration(folder: Path, *, target: str, rules: str, interval_s: float) -> None:
    folder.mkdir(parents=True)
    (folder / "rules.yml").write_text(rules)
    interval = f"{interval_s * 1_000:.0f}ms"
    configuration = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
