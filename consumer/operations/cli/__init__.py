"""The command line `instagram-feed`: one module for each group of commands.

Other distributions and packages add commands through the entry point group
`instagram_feed.commands`, each a typer.Typer or a function; the local stack and the demo do so.

A command's module is imported only when the command is named: the openai client and SQLAlchemy take
seconds to import, which `--help` and `feeds list` should not.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

from consumer.operations.cli.errors import EXIT_WRONG_SETTING, CommandError
from consumer.settings import SettingsError

COMMANDS_GROUP = "instagram_feed.commands"

OWN_COMMANDS = {
    "run": "Consume overlay.completed and write posts until SIGTERM or Ctrl-C.",
    "migrate": "Create or update the tables in DATABASE_URL. Safe when several start at once.",
    "topics": "The Kafka topics that the settings name.",
    "produce": "Send the lines of a file to overlay.completed, each as one record.",
    "doctor": "Check everything that the consumer needs, and say what to do about what is wrong.",
    "status": "Show the group's processes, their partitions and lag, work by state, the oldest waiting, breakers.",
    "feeds": "The posts that are stored.",
    "models": "The models that can write: defaults, prices, abilities, shutdown dates.",
    "report": "Latency, tokens and cost of the posts, by model, tenant and day.",
    "requests": "The ledger: what became of each overlay.",
    "replay": "Read a range of events again, to write what is missing, to send or to write posts once more.",
}
"""Name and summary; the command is the attribute of that name in the module of that name."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command line as far as these arguments need it: the commands they name, or all if they name none."""
    app = typer.Typer(
        name="instagram-feed",
        help="Turn overlay.completed events into Instagram posts, each paid for and stored once.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    # several commands always: with a single one Typer would take its name for an argument
    app.callback()(lambda: None)
    own = [EntryPoint(name, f"consumer.operations.cli.{name}:{name}", COMMANDS_GROUP) for name in OWN_COMMANDS]
    added = sorted(entry_points(group=COMMANDS_GROUP), key=lambda point: point.name)
    named = [point for point in (*own, *added) if point.name in arguments]
    for point in named or (*own, *added):
        _add(app, point.name, _load(point) if named or point in added else _summary_of(point.name))
    return app


def _add(app: typer.Typer, name: str, command: Any) -> None:  # noqa: ANN401 - a typer.Typer or any function
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name=name)(command)


def _load(point: EntryPoint) -> Any:  # noqa: ANN401 - a typer.Typer or any function
    """The command; where its packages are not installed, one that says how to get them."""
    try:
        return point.load()
    except ModuleNotFoundError as error:
        missing = error.name

    def unavailable() -> None:
        raise CommandError(f"`{point.name}` needs {missing}: pip install 'instagram-feed-consumer[devstack]'")

    unavailable.__doc__ = "Not installed; comes with the extra 'devstack'."
    return unavailable


def _summary_of(name: str) -> Any:  # noqa: ANN401 - stands for a command in the overview
    def summarized() -> None:
        """Never called: a command that is named is loaded."""

    summarized.__doc__ = OWN_COMMANDS[name]
    return summarized


def main() -> None:
    """Run the command line; expected errors are one line on standard error, not a traceback."""
    try:
        # for the completion of a shell the arguments are in a variable
        build(sys.argv[1:] + os.environ.get("_TYPER_COMPLETE_ARGS", "").split())()
    except SettingsError as error:
        sys.exit(_told(error, EXIT_WRONG_SETTING))
    except CommandError as error:
        sys.exit(_told(error, error.exit_code))


def _told(error: Exception, exit_code: int) -> int:
    typer.echo(f"instagram-feed: {error}", err=True)
    return exit_code
