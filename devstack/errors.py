"""The errors of the local stack and of the demo on it."""


class StackError(Exception):
    """The local stack could not do what was asked. The message says what to do about it."""


class DemoFailed(Exception):
    """What the demo shows is not as it should be; the message says what."""
