"""The one error of the local stack."""


class StackError(Exception):
    """The local stack could not do what was asked. The message says what to do about it."""
