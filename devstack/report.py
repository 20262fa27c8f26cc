"""How long steps tell a person how far they are."""

from collections.abc import Callable

Report = Callable[[str], None]
"""Takes one line of progress."""
