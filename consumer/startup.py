"""Why the consumer cannot begin."""


class StartupError(Exception):
    """Something it cannot begin without is missing; the message says what, and what to do."""
