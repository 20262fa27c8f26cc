"""Errors that end a command with one line on standard error."""

from collections.abc import Sequence

EXIT_FAILED = 1
EXIT_WRONG_SETTING = 2
EXIT_INTERRUPTED = 130
MOST_PROBLEMS = 3


class CommandError(Exception):
    """A command failed; the message is the line to print."""

    def __init__(self, message: str, *, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(CommandError):
    """The arguments are contradictory, incomplete or out of range: nothing was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=EXIT_WRONG_SETTING)


def in_one_line(problems: Sequence[str]) -> str:
    """Return the first few problems, and the number of further ones."""
    more = len(problems) - MOST_PROBLEMS
    return "; ".join([*problems[:MOST_PROBLEMS], *([f"and {more} more (all with --json)"] if more > 0 else [])])
