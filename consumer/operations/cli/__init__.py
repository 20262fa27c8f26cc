"""The command line `instagram-feed`: one module for each group of commands.

Other distributions and packages add commands through the entry point group
`instagram_feed.commands`, each a typer.Typer or a function; the local stack and the demo do so.

A command's module is imported only when the command is named: the openai client and SQLAlchemy take
seconds to import, which `--help` and `feeds list` should not.
"""

import asyncio
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as installed_version
from typing import Annotated, Any

import typer

from consumer.operations.cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_WRONG_SETTING, CommandError
from consumer.operations.cli.output import say
from consumer.operations.cli.type_names import name_types
from consumer.operations.cli.usage import usage_line
from consumer.settings import SettingsError
from consumer.telemetry import logs

PROGRAM = "instagram-feed"
DISTRIBUTION = "instagram-feed-consumer"
COMMANDS_GROUP = "instagram_feed.commands"
EXTRAS = {"scipy": "experiments", "numpy": "experiments"}
OUTPUT_ERRORS = {errno.ENOSPC, errno.EBADF, errno.EIO}

OWN_COMMANDS = {
    "run": "Consume overlay.completed and write posts until SIGTERM or Ctrl-C.",
    "migrate": "Create or update the tables in DATABASE_URL. Safe when several start at once.",
    "roles": "Print the SQL that creates roles with least rights, for a migrated database.",
    "topics": "Create the Kafka topics named in the settings.",
    "produce": "Send the lines of a file to overlay.completed, one record per line.",
    "doctor": "Check everything that the consumer needs, and say how to fix what is wrong.",
    "status": "Show the group's processes, their partitions and lag, work by state, the oldest waiting, breakers.",
    "feeds": "List, inspect, revise and purge stored posts.",
    "models": "Show and change models: defaults, prices, capabilities, shutdown dates.",
    "prompts": "List, add, preview and try prompts.",
    "experiments": "Compare prompts, models or temperatures in A/B tests: create, start, stop, report.",
    "tenants": "Show and change settings of tenants: share, limits, delivery, time zone, disclosure, sector.",
    "budgets": "Limit what tenants may spend per day or month, and show spending and projection.",
    "report": "Report latency, tokens and cost of the posts, by model, tenant and day.",
    "requests": "Inspect the ledger: what became of each overlay, and retry failed requests.",
    "schemas": "Export the contracts as JSON Schemas and an AsyncAPI document.",
    "batch": "Follow batches, in which posts are written at half the price: list, show, cancel, collect.",
    "replay": "Read a range of events again, to write missing posts, republish posts or rewrite them.",
}
"""Name and summary; the command is the attribute of that name in the module of that name."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """Build the part of the command line that these arguments name, or all of it if they name no command."""
    app = typer.Typer(
        name=PROGRAM,
        help="Turn overlay.completed events into Instagram posts, each paid for and stored once.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    # always several commands: with a single one Typer would take its name for an argument
    app.callback()(_program)
    own = [EntryPoint(name, f"consumer.operations.cli.{name}:{name}", COMMANDS_GROUP) for name in OWN_COMMANDS]
    added = sorted(entry_points(group=COMMANDS_GROUP), key=lambda point: point.name)
    named = [point for point in (*own, *added) if point.name in arguments]
    for point in named or (*own, *added):
        _add(app, point.name, _load(point) if named or point in added else _summary_of(point.name))
    return app


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's form of a callback
    if wanted:
        say(f"{PROGRAM} {installed_version(DISTRIBUTION)}")
        raise typer.Exit


def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Handle the options of the program itself."""


def _add(app: typer.Typer, name: str, command: Any) -> None:  # noqa: ANN401 - a typer.Typer or any function
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name=name)(command)


def _load(point: EntryPoint) -> Any:  # noqa: ANN401 - a typer.Typer or any function
    """Load the command; if its packages are not installed, return one that says how to install them."""
    try:
        return point.load()
    except ModuleNotFoundError as error:
        missing = error.name

    def unavailable() -> None:
        raise CommandError(f"`{point.name}` needs {missing}: pip install '{DISTRIBUTION}[devstack]'")

    unavailable.__doc__ = "Not installed; comes with the extra 'devstack'."
    return unavailable


def _summary_of(name: str) -> Any:  # noqa: ANN401 - stands for a command in the overview
    def summarized() -> None:
        """Stand in for a command in the overview; never called, since a command that is named is loaded."""

    summarized.__doc__ = OWN_COMMANDS[name]
    return summarized


def main() -> None:
    """Run the command line; expected errors are one line on standard error, not a traceback."""
    if sys.stdout is None:
        sys.exit(_told("standard output is closed", EXIT_FAILED))
    # a locale may lack letters of a post, and the check marks of `doctor`
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see __main__
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # `run`, whose log is its output, configures its own
    logs.configure(log_format="console", level="warning", stream=sys.stderr)
    # for shell completion the arguments are in a variable
    sys.exit(_exit_code(sys.argv[1:] + os.environ.get("_TYPER_COMPLETE_ARGS", "").split()))


def _exit_code(arguments: Sequence[str]) -> int:
    try:
        return _run(arguments)
    except SettingsError as error:
        return _told(str(error), EXIT_WRONG_SETTING)
    except CommandError as error:
        return _told(str(error), error.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _told("interrupted", EXIT_INTERRUPTED)
    except ModuleNotFoundError as error:
        return _told(_not_installed(error), EXIT_FAILED)
    except OSError as error:
        return _unwritable(error)


def _run(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(build(arguments))
    name_types(command)
    try:
        exit_code = command(prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:  # it has no message if the help was shown instead
        return _told(usage_line(error), error.exit_code) if error.format_message() else error.exit_code
    except typer.Abort:
        return _told("interrupted", EXIT_INTERRUPTED)
    except SystemExit as end:
        exit_code = end.code
    sys.stdout.flush()  # here, where a full disk can be reported in one line
    return exit_code if isinstance(exit_code, int) else 0


def _unwritable(error: OSError) -> int:
    """Exit after a failed write; buffered output would fail once more when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # the reader has closed the pipe
        return EXIT_FAILED
    where = f"{error.filename}: " if error.filename else "standard output: " if error.errno in OUTPUT_ERRORS else ""
    return _told(f"{where}{error.strerror or error}", EXIT_FAILED)


def _not_installed(error: ModuleNotFoundError) -> str:
    extra = EXTRAS.get((error.name or "").partition(".")[0], "devstack")
    return f"{error.name} is not installed; it comes with: pip install '{DISTRIBUTION}[{extra}]'"


def _told(message: str, exit_code: int) -> int:
    say(f"{PROGRAM}: {message}", err=True)
    return exit_code
