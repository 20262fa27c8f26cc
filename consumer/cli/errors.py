"""Errors that end a command with one line on standard error."""


class CommandError(Exception):
    """A command cannot do what was asked; the message is the line to print, exit code 1."""
