"""`instagram-feed …` commands as child processes."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from consumer.settings import Settings
from devstack.endpoints import Endpoints
from devstack.errors import DemoFailed
from devstack.polling import ticks
from devstack.ports import LOOPBACK, free_port
from devstack.server_process import last_lines

STOP_DEADLINE_S = 40.0
MAX_IN_FLIGHT = 4
CREATED_TOPIC: str = Settings.model_fields["feed_created_topic"].default


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of the records, as counted by the consumer."""

    new: int = 0
    duplicate: int = 0
    invalid: int = 0
    stored: int = 0
    published: int = 0

    def is_complete(self, records: int) -> bool:
        """Return whether `records` were read and their events published."""
        return self.new + self.duplicate + self.invalid >= records and self.published >= self.new


def clean_environment(endpoints: Endpoints, *, real: bool) -> dict[str, str]:
    """Build the environment of the commands: the user's without settings of the application, then the stack's."""
    settings = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in settings}
    own = {"MAX_IN_FLIGHT": str(MAX_IN_FLIGHT), "OPS_PORT": str(free_port()), "LOG_FORMAT": "json"}
    if real and (model := os.environ.get("LLM_MODEL")):
        own["LLM_MODEL"] = model
    return inherited | endpoints.environment() | own


async def run_command(*arguments: str, env: Mapping[str, str], folder: Path) -> Any:  # noqa: ANN401 - any JSON
    """Run a command; returns its JSON with --json, else its text.

    Raises:
        DemoFailed: the exit code is not 0; contains the output.
    """
    process = await _started(*arguments, env=env, folder=folder, output=PIPE, errors=PIPE)
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise DemoFailed(f"`instagram-feed {' '.join(arguments)}` failed: {errors.decode().strip()}")
    return json.loads(output) if "--json" in arguments else output.decode().strip()


class Consumer:
    """`instagram-feed run` while it runs."""

    def __init__(self, process: Process, log: Path, metrics_url: str) -> None:
        self._process = process
        self._log = log
        self._metrics_url = metrics_url

    async def until_done(self, records: int, *, deadline_s: float) -> Progress:
        """Wait until it has processed `records`.

        Raises:
            DemoFailed: it ended, the provider refuses the account, or it took too long.
        """
        async with aiohttp.ClientSession() as session:
            async for _ in ticks(deadline_s):
                progress = await self._progress(session)
                if progress.is_complete(records):
                    return progress
                if self._process.returncode is not None or "llm_account_refused" in self._log.read_text():
                    break
        raise DemoFailed(
            f"the consumer did not get through {records} records; its last words:\n{last_lines(self._log)}"
        )

    async def stop(self) -> int:
        """Stop it as an orchestrator does. Gives the exit code."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()

    async def _progress(self, session: aiohttp.ClientSession) -> Progress:
        try:
            async with session.get(self._metrics_url) as answer:
                return read_progress(await answer.text())
        except aiohttp.ClientError:
            return Progress()  # it does not listen yet


@asynccontextmanager
async def running_consumer(env: Mapping[str, str], folder: Path) -> AsyncIterator[Consumer]:
    """Run the consumer for the time of a block; it is stopped at the end if the block has not done so."""
    log = folder / "run.log"
    with log.open("wb") as output:
        process = await _started("run", env=env, folder=folder, output=output, errors=STDOUT)
    running = Consumer(process, log, f"http://{LOOPBACK}:{env['OPS_PORT']}/metrics")
    try:
        yield running
    finally:
        await running.stop()


def read_progress(exposition: str) -> Progress:
    """Read the counters in Prometheus' text format."""
    counts = [
        (sample.name, set(sample.labels.items()), int(sample.value))
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if family.type == "counter"
    ]

    def count(metric: str, **labels: str) -> int:
        return sum(value for name, labelled, value in counts if name == metric and labels.items() <= labelled)

    published = {"messaging_destination_name": CREATED_TOPIC, "error_type": ""}
    return Progress(
        new=count("instagram_feed_events_total", result="claimed"),
        duplicate=count("instagram_feed_events_total", result="duplicate"),
        invalid=count("instagram_feed_events_total", result="invalid"),
        stored=count("instagram_feed_requests_handled_total", outcome="stored"),
        published=count("messaging_client_sent_messages_total", **published),
    )


async def _started(
    *arguments: str, env: Mapping[str, str], folder: Path, output: int | IO[bytes], errors: int
) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", *arguments, env=dict(env), cwd=folder, stdout=output, stderr=errors
    )
