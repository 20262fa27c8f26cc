"""The overview of commands, and what it costs."""

import inspect
import subprocess
import sys
from functools import cache
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from consumer.operations.cli import OWN_COMMANDS, build

SLOW_TO_IMPORT = {
    "aiohttp",
    "aiokafka",
    "consumer.post.quality.gate",
    "docker",
    "genai_prices",
    "httpx2",
    "openai",
    "sqlalchemy",
    "uvloop",
}
KAFKA_COMMANDS = {"produce", "topics"}  # with aiokafka: a twentieth of a second, for all they do


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_the_summary_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    command = getattr(import_module(f"consumer.operations.cli.{name}"), name)

    said = command.info.help if isinstance(command, typer.Typer) else inspect.getdoc(command)

    assert str(said).splitlines()[0] == OWN_COMMANDS[name]


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_a_named_command_has_its_own_help(name: str) -> None:
    shown = CliRunner().invoke(build([name]), [name, "--help"])

    assert shown.exit_code == 0
    assert OWN_COMMANDS[name].split()[0] in shown.output


def test_the_overview_imports_no_client_library() -> None:
    assert _imported_by_help().isdisjoint(SLOW_TO_IMPORT | {"asyncpg"})


def test_no_help_imports_anything_slow() -> None:
    names = {*OWN_COMMANDS, "demo", "stack"}

    assert _imported_by_help(*names - KAFKA_COMMANDS).isdisjoint(SLOW_TO_IMPORT)
    assert _imported_by_help(*KAFKA_COMMANDS) & SLOW_TO_IMPORT == {"aiokafka"}


def _imported_by_help(*names: str) -> set[str]:
    program = f"import sys; from consumer.operations.cli import build; build({names!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_every_command_shows_an_example_of_itself(name: str) -> None:
    command = getattr(import_module(f"consumer.operations.cli.{name}"), name)
    callbacks = (
        [each.callback for each in command.registered_commands] if isinstance(command, typer.Typer) else [command]
    )

    for callback in callbacks:
        assert f"Example: instagram-feed {name}" in str(inspect.getdoc(callback))


CALLS_AN_LLM = {"run", "doctor"}
HEAVY = {"openai", "aiohttp", "sqlalchemy", "alembic", "uvloop", "genai_prices"}
# Each in a process of its own, forked from one that has imported what all of them need: Typer.
LOADED_BY_EACH = """
import os, sys
from importlib import import_module
from typer.testing import CliRunner
from consumer.operations.cli import OWN_COMMANDS, build

def load(name):
    import_module(f"consumer.operations.cli.{name}")

def show_help(name):
    CliRunner().invoke(build([name]), [name, "--help"])

for name in OWN_COMMANDS:
    if os.fork() == 0:
        %s(name)
        print(name, *sys.modules, flush=True)
        os._exit(0)
    os.wait()
"""


@cache
def loaded_by_each(step: str) -> dict[str, set[str]]:
    done = subprocess.run([sys.executable, "-c", LOADED_BY_EACH % step], capture_output=True, text=True, check=True)
    return {name: set(modules) for name, *modules in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("name", OWN_COMMANDS)
def test_no_commands_help_waits_for_a_library_that_only_its_work_needs(name: str) -> None:
    assert HEAVY.isdisjoint(loaded_by_each("show_help")[name])


@pytest.mark.parametrize("name", sorted(OWN_COMMANDS.keys() - CALLS_AN_LLM))
def test_a_command_that_calls_no_llm_loads_no_client_of_one(name: str) -> None:
    assert {"openai", "aiohttp"}.isdisjoint(loaded_by_each("load")[name])
