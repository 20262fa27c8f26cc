"""`instagram-feed stack`: what a person sees of it, and what is left when something dies."""

import asyncio
import os
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import asyncpg
import pytest
from dotenv import dotenv_values

from devstack.answers import kafka_problem, llm_problem, postgres_problem
from devstack.endpoints import Endpoints
from devstack.stack import supervisor_of
from tests.integration.devstack.conftest import StackCommands
from tests.support.waiting import eventually

OWNER_PROGRAM = """
import asyncio, pathlib, sys
from devstack.stack import local_stack

async def own():
    async with local_stack(pathlib.Path(sys.argv[1]), report=lambda line: None):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(own())
"""


async def test_up_returns_when_all_three_answer_at_the_addresses_it_writes(running_stack: StackCommands) -> None:
    environment = dotenv_values(running_stack.env_file)

    assert await kafka_problem(environment["KAFKA_BOOTSTRAP_SERVERS"] or "") is None
    assert await postgres_problem(environment["DATABASE_URL"] or "") is None
    assert await llm_problem(environment["OPENAI_BASE_URL"] or "", environment["OPENAI_API_KEY"] or "") is None
    assert environment["LLM_MODEL"] == "gpt-4o-mini"
    assert environment["KAFKA_ENABLE_IDEMPOTENCE"] == "false"
    assert stat.S_IMODE(running_stack.env_file.stat().st_mode) == 0o600


def test_a_second_up_changes_nothing(running_stack: StackCommands) -> None:
    environment, before = dotenv_values(running_stack.env_file), running_stack.status()

    assert running_stack.up() == environment

    assert running_stack.status() == before
    assert before.up


def test_down_leaves_no_process_and_no_file(own_stack: StackCommands, tmp_path: Path) -> None:
    own_stack.up()

    assert own_stack.run("down").returncode == 0

    assert own_stack.processes() == []
    assert list(tmp_path.iterdir()) == []
    assert own_stack.run("status").returncode == 1


async def test_up_revives_a_killed_server_at_its_address_with_its_data(own_stack: StackCommands) -> None:
    environment = own_stack.up()
    await _execute(environment["DATABASE_URL"], "CREATE TABLE kept ()")
    pids = {server.name: server.pid for server in own_stack.status().servers}
    os.kill(pids["postgres"] or 0, signal.SIGKILL)
    await eventually(lambda: own_stack.run("status").returncode == 1)

    assert own_stack.up() == environment

    await _execute(environment["DATABASE_URL"], "SELECT FROM kept")
    after = {server.name: server.pid for server in own_stack.status().servers}
    assert after["kafka"] == pids["kafka"]
    assert after["postgres"] != pids["postgres"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the servers live on until `stack down` finds them")
async def test_the_servers_die_with_a_killed_supervisor_and_up_brings_them_back(own_stack: StackCommands) -> None:
    environment = own_stack.up()
    await _execute(environment["DATABASE_URL"], "CREATE TABLE kept ()")

    os.kill(own_stack.status().supervisor_pid or 0, signal.SIGKILL)

    await eventually(lambda: own_stack.processes() == [])
    own_stack.environ |= environment  # as in the shell that has sourced the env file
    assert own_stack.up() == environment
    await _execute(environment["DATABASE_URL"], "SELECT FROM kept")


async def test_down_ends_what_a_killed_up_has_begun_even_without_its_files(own_stack: StackCommands) -> None:
    starting = await asyncio.create_subprocess_exec(*own_stack.command("up"), env=own_stack.environ, stderr=DEVNULL)
    await eventually(lambda: supervisor_of(own_stack.folder), deadline_s=30)
    starting.kill()
    await starting.wait()
    for file in own_stack.folder.glob("*.json"):
        file.unlink()

    own_stack.run("down")

    assert own_stack.processes() == []
    assert not own_stack.folder.exists()


async def test_a_stack_ends_with_the_process_that_owns_it(own_stack: StackCommands) -> None:
    command = [sys.executable, "-c", OWNER_PROGRAM, str(own_stack.folder)]
    owner = await asyncio.create_subprocess_exec(*command, env=own_stack.environ, stdout=PIPE)
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"up\n"
    owner.kill()

    await eventually(lambda: own_stack.processes() == [])
    assert not own_stack.folder.exists()
    await owner.wait()


def test_a_file_and_a_folder_of_somebody_elses_are_not_touched(own_stack: StackCommands) -> None:
    precious = own_stack.folder / "precious"
    own_stack.folder.mkdir()
    precious.touch()
    refused_folder = own_stack.run("up")
    own_stack.env_file.write_text("MY_SETTING=1\n")
    refused_file = own_stack.run("up")

    own_stack.run("down")

    assert "no local stack's" in refused_folder.stderr
    assert "was not written by" in refused_file.stderr
    assert precious.exists()
    assert own_stack.env_file.read_text() == "MY_SETTING=1\n"


def test_servers_that_the_environment_names_are_used_and_left_alone(stack: Endpoints, own_stack: StackCommands) -> None:
    own_stack.environ |= {
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "DATABASE_URL": stack.database_url,
    }

    environment = own_stack.up()

    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == stack.kafka_bootstrap_servers
    assert environment["DATABASE_URL"] == stack.database_url
    kinds = {server.name: server.kind for server in own_stack.status().servers}
    assert kinds == {"kafka": "environment", "postgres": "environment", "llm": "simulated"}
    own_stack.run("down")


def test_a_named_server_that_does_not_answer_is_an_error_that_names_the_variable(own_stack: StackCommands) -> None:
    own_stack.environ |= {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}

    done = own_stack.run("up")

    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert own_stack.processes() == []


async def _execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
