"""What the user wants of the demo."""

from dataclasses import dataclass
from pathlib import Path

KEPT_ENV_FILE = Path(".env.demo")


@dataclass(frozen=True, slots=True)
class Wishes:
    """`real`: the real API writes; `confirmed`: it may spend money unasked; `keep`: the stack stays."""

    real: bool
    confirmed: bool
    keep: bool
