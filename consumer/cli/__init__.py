"""The command line `instagram-feed`: one module for each group of commands.

Other distributions and packages add commands through the entry point group
`instagram_feed.commands`, each a typer.Typer or a function; the local stack and the demo do so.
"""

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

from consumer.cli.errors import CommandError
from consumer.cli.migrate import migrate
from consumer.cli.run import run
from consumer.settings import SettingsError

COMMANDS_GROUP = "instagram_feed.commands"
EXIT_FAILED = 1
EXIT_WRONG_SETTING = 2


def build() -> typer.Typer:
    """The whole command line, with the commands that installed packages add."""
    app = typer.Typer(
        name="instagram-feed",
        help="Turn overlay.completed events into Instagram posts, each paid for and stored once.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.command()(run)
    app.command()(migrate)
    for point in sorted(entry_points(group=COMMANDS_GROUP), key=lambda point: point.name):
        command = _load(point)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name)
        else:
            app.command(name=point.name)(command)
    return app


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


def main() -> None:
    """Run the command line; expected errors are one line on standard error, not a traceback."""
    try:
        build()()
    except SettingsError as error:
        sys.exit(_told(error, EXIT_WRONG_SETTING))
    except CommandError as error:
        sys.exit(_told(error, EXIT_FAILED))


def _told(error: Exception, exit_code: int) -> int:
    typer.echo(f"instagram-feed: {error}", err=True)
    return exit_code
