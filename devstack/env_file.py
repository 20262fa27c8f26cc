"""The file that `stack up` writes, from which a shell or a dotenv reader takes the stack's environment."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from devstack.errors import StackError

# Between single quotes dotenv readers know escapes and ${NAME}, a shell knows neither.
READ_DIFFERENTLY = frozenset("'\\$\n\r")

SOURCED_FROM = "INSTAGRAM_FEED_STACK"
"""Names the folder of the stack whose servers the file names; its line tells our files from others."""


def env_file_text(environment: Mapping[str, str]) -> str:
    """Build `KEY=value` lines that a shell (`set -a; . FILE`) and dotenv readers take alike.

    Raises:
        StackError: a value holds a character that the two read differently.
    """
    for name, value in environment.items():
        if READ_DIFFERENTLY & set(value):
            raise StackError(f"{name} holds a quote, backslash, dollar or line break, which an env file cannot carry")
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())


def require_ours(path: Path) -> None:
    """Refuse to overwrite a file that somebody wrote by hand.

    Raises:
        StackError: there is such a file.
    """
    if path.exists() and not _is_ours(path):
        raise StackError(f"{path} was not written by `stack up`. Name another file with --env-file.")


def _is_ours(path: Path) -> bool:
    return any(line.startswith(f"{SOURCED_FROM}=") for line in path.read_text().splitlines())


def remove_env_file(path: Path) -> None:
    """Remove the file if `write_env_file` wrote it."""
    if path.exists() and _is_ours(path):
        path.unlink()


def write_env_file(path: Path, environment: Mapping[str, str]) -> None:
    """Replace the file in one step; it holds credentials, so only its owner may read it.

    The environment's `SOURCED_FROM` is what marks the file as ours.
    """
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(env_file_text(environment))
    scratch.rename(path)


def folder_of(env_file: Path) -> Path:
    """Return where the stack of an env file keeps its data: beside it, `.d` appended to the name."""
    return env_file.with_name(f"{env_file.name}.d")
