"""What one check found."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]
"""`skipped`: what it depends on is missing, so that nothing is known about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. `advice` says what to do when it is not ok. Neither text holds a secret."""

    check: str
    status: Status
    detail: str
    advice: str | None = None


Examination = AsyncGenerator[Finding, None]
"""Findings in the order of the checks; it ends with the first that failed if the others build on it."""
