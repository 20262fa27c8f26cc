"""The simulated LLM as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest

from devstack.simulated_llm.control import SimulatedLlmControl
from tests.contract.simulated_llm.calls import ask, open_client
from tests.support.waiting import eventually

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 5.0


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start the process, and give it with its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack.simulated_llm", *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            line = await process.stdout.readline() if process.stdout else b""
        ready = json.loads(line)
        assert ready["pid"] == process.pid
        yield process, ready["base_url"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_serves_with_the_options_given_and_ends_at_once_on_sigterm(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"kind": "conflict_409", "first": 1}, {"kind": "hang"}]))
    options = ("--faults", str(faults), "--latency", "constant:0", "--seed", "7", "--requests-per-minute", "100")
    async with running(*options) as (process, base_url), open_client(base_url) as client:
        with pytest.raises(openai.ConflictError) as conflict:
            await ask(client)
        assert conflict.value.response.headers["x-ratelimit-limit-requests"] == "100"
        control = SimulatedLlmControl(base_url.removesuffix("/v1"))
        hanging = asyncio.create_task(ask(client))

        async def hangs() -> bool:
            return (await control.ledger_summary()).in_flight_calls == 1

        await eventually(hangs)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_DEADLINE_S):
            assert await process.wait() == os.EX_OK
        with pytest.raises(openai.APIConnectionError):
            await hanging


async def test_a_wrong_option_ends_it_with_code_2_and_the_reason() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack.simulated_llm", "--latency", "fast", stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert process.returncode == 2
    assert "constant:SECONDS" in stderr.decode()
