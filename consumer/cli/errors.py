"""Errors that end a command with one line on standard error."""

EXIT_FAILED = 1


class CommandError(Exception):
    """A command cannot do what was asked; the message is the line to print."""

    def __init__(self, message: str, *, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
