"""The one error of the demo."""


class DemoFailed(Exception):
    """Something is not as it should be; the message says what."""
