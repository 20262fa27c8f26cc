"""The command line `instagram-feed`: one module for each group of commands.

Other distributions and packages add commands through the entry point group
`instagram_feed.commands`, each a typer.Typer or a function; the local stack and the demo do so.

A command's module is imported only when the command is named: the openai client and SQLAlchemy take
seconds to import, which `--help` and `feeds list` should not.
"""

import asyncio
import errno
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
    "roles": "Print the SQL that makes roles with the least rights, for a database that is migrated.",
    "topics": "Create the Kafka topics that the settings name.",
    "produce": "Send the lines of a file to overlay.completed, each as one record.",
    "doctor": "Check everything that the consumer needs, and say what to do about what is wrong.",
    "status": "Show the group's processes, their partitions and lag, work by state, the oldest waiting, breakers.",
    "feeds": "Look at the posts that are stored, revise and purge them.",
    "models": "Show and change the models that can write: defaults, prices, abilities, shutdown dates.",
    "prompts": "List, add, preview and try the wordings that posts are asked for with.",
    "experiments": "Find out which prompt, model or temperature writes better posts: create, start, stop, report.",
    "tenants": "Show and change what is said of tenants: share, limits, delivery, time zone, disclosure, sector.",
    "budgets": "Set what tenants may spend in a day or a month, and see how that stands and where it leads.",
    "report": "Report latency, tokens and cost of the posts, by model, tenant and day.",
    "requests": "Look into the ledger: what became of each overlay.",
    "schemas": "Write the contract as JSON Schemas and one AsyncAPI document, for other people's tools.",
    "batch": "Follow the batches in which posts are written at half the price: list, show, cancel, collect.",
    "replay": "Read a range of events again, to write what is missing, to send or to write posts once more.",
}
"""Name and summary; the command is the attribute of that name in the module of that name."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """Build the command line as far as these arguments need it: the commands they name, or all if they name none."""
    app = typer.Typer(
        name=PROGRAM,
        help="Turn overlay.completed events into Instagram posts, each paid for and stored once.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    # several commands always: with a single one Typer would take its name for an argument
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
    """Take the options of the program itself."""


def _add(app: typer.Typer, name: str, command: Any) -> None:  # noqa: ANN401 - a typer.Typer or any function
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name=name)(command)


def _load(point: EntryPoint) -> Any:  # noqa: ANN401 - a typer.Typer or any function
    """Load the command; where its packages are not installed, one that says how to get them."""
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
        """Stand for a command in a list; never called, as a command that is named is loaded."""

    summarized.__doc__ = OWN_COMMANDS[name]
    return summarized


def main() -> None:
    """Run the command line; expected errors are one line on standard error, not a traceback."""
    if sys.stdout is None:
        sys.exit(_told("standard output is closed", EXIT_FAILED))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see __main__
    # where a command logs at all; `run`, whose log is its output, sets its own up
    logs.configure(log_format="console", level="warning", stream=sys.stderr)
    # for the completion of a shell the arguments are in a variable
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
    except typer.TyperException as error:  # it says nothing where the help was shown in its place
        return _told(usage_line(error), error.exit_code) if error.format_message() else error.exit_code
    except typer.Abort:
        return _told("interrupted", EXIT_INTERRUPTED)
    except SystemExit as end:
        exit_code = end.code
    sys.stdout.flush()  # here, where a full disk can be told in one line
    return exit_code if isinstance(exit_code, int) else 0


def _unwritable(error: OSError) -> int:
    """End after a write that failed; what is still buffered would fail once more when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # whoever read has enough
        return EXIT_FAILED
    where = f"{error.filename}: " if error.filename else "standard output: " if error.errno in OUTPUT_ERRORS else ""
    return _told(f"{where}{error.strerror or error}", EXIT_FAILED)


def _not_installed(error: ModuleNotFoundError) -> str:
    extra = EXTRAS.get((error.name or "").partition(".")[0], "devstack")
    return f"{error.name} is not installed; it comes with: pip install '{DISTRIBUTION}[{extra}]'"


def _told(message: str, exit_code: int) -> int:
    say(f"{PROGRAM}: {message}", err=True)
    return exit_code
