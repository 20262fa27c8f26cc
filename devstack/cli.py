"""`instagram-feed stack`: the local stack from the command line.

Code that starts servers is imported only when a command runs, so that `instagram-feed --help` stays quick.
"""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.table import Table

from consumer.operations.cli.errors import EXIT_FAILED, CommandError
from consumer.operations.cli.output import JsonOption, people_console, print_json, progress_console
from devstack.choice import WISH_VARIABLE, Wish
from devstack.env_file import SOURCED_FROM, folder_of, remove_env_file, require_ours, write_env_file
from devstack.errors import StackError

if TYPE_CHECKING:
    from devstack.endpoints import Endpoints
    from devstack.status import StackStatus

T = TypeVar("T")

stack = typer.Typer(help="Run a local broker, Postgres and simulated LLM in the background.", no_args_is_help=True)

EnvFile = Annotated[
    Path,
    typer.Option("--env-file", help="The file that identifies the stack; the servers' addresses are written to it."),
]
DEFAULT_ENV_FILE = Path(".env.stack")


@stack.command()
def up(
    env_file: EnvFile = DEFAULT_ENV_FILE,
    servers: Annotated[
        Wish, typer.Option(envvar=WISH_VARIABLE, help="The kind of servers to start where the environment names none.")
    ] = "auto",
) -> None:
    """Start the servers that are not running, and return when all three respond.

    Servers named in KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL or OPENAI_BASE_URL are used instead.
    """
    environ = {**os.environ, WISH_VARIABLE: servers}
    endpoints = _run(_started(env_file, environ))
    write_env_file(env_file, {**endpoints.environment(), SOURCED_FROM: str(folder_of(env_file).resolve())})
    _show(_run(_status(env_file)))
    # Without a slash, a POSIX shell would search its PATH for the file.
    typer.echo(f"Use it with: set -a; . {env_file if env_file.is_absolute() else f'./{env_file}'}; set +a")


@stack.command()
def down(
    env_file: EnvFile = DEFAULT_ENV_FILE,
    *,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep topics and tables for the next start.")] = False,
) -> None:
    """Stop everything that belongs to the stack, in whatever state it is, and remove its data."""
    from devstack.stack import stop_stack  # noqa: PLC0415

    ended = _run(stop_stack(folder_of(env_file), keep_data=keep_data))
    remove_env_file(env_file)
    typer.echo(f"Ended {ended} processes." if ended else "Nothing was running.")


@stack.command()
def status(env_file: EnvFile = DEFAULT_ENV_FILE, *, as_json: JsonOption = False) -> None:
    """Check each server; the exit code is 1 unless all respond."""
    found = _run(_status(env_file))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found)
    if not found.up:
        raise typer.Exit(EXIT_FAILED)


async def _started(env_file: Path, environ: Mapping[str, str]) -> "Endpoints":
    from devstack.stack import start_stack  # noqa: PLC0415

    require_ours(env_file)
    return await start_stack(folder_of(env_file), environ=environ, report=_report)


async def _status(env_file: Path) -> "StackStatus":
    from devstack.status import status_of  # noqa: PLC0415

    return await status_of(folder_of(env_file))


def _show(found: "StackStatus") -> None:
    if not found.servers:
        typer.echo(found.error or "No stack is running here; start one with `instagram-feed stack up`.")
        return
    table = Table("server", "kind", "address", "pid", "state", box=None, pad_edge=False)
    for server in found.servers:
        table.add_row(server.name, server.kind, server.address, str(server.pid or "-"), server.problem or "answers")
    people_console().print(table)
    if found.supervisor_pid is None:
        typer.echo("Its supervisor is gone; `instagram-feed stack up` starts it again.")


def _report(line: str) -> None:
    progress_console().print(line)


def _run(doing: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(doing)
    except StackError as error:
        raise CommandError(str(error)) from error
