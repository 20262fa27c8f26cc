"""What one check found."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["ok", "warning", "failed", "skipped"]
"""`skipped`: what it depends on is missing, so that nothing is known about it."""

FALLBACK: Final = "fallback "
"""What the checks of the fallback model begin with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. `advice` says what to do when it is not ok. Neither text holds a secret."""

    check: str
    status: Status
    detail: str
    advice: str | None = None

    @property
    def runbook(self) -> str | None:
        """Where more is said about it; None where there is nothing to do."""
        if self.status not in {"warning", "failed"}:
            return None
        return f"docs/runbook.md#doctor_{self.check.removeprefix(FALLBACK).replace(' ', '_')}"


Examination = AsyncGenerator[Finding, None]
"""Findings in the order of the checks; it ends with the first that failed if the others build on it."""
