"""What one check found."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["ok", "warning", "failed", "skipped"]
"""`skipped`: a check that it depends on failed."""

FALLBACK: Final = "fallback "
"""The prefix of checks of the fallback model."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check. `advice` says what to do if it is not ok. The texts contain no secrets."""

    check: str
    status: Status
    detail: str
    advice: str | None = None

    @property
    def runbook(self) -> str | None:
        """The section of the runbook; None if there is nothing to do."""
        if self.status not in {"warning", "failed"}:
            return None
        return f"docs/runbook.md#doctor_{self.check.removeprefix(FALLBACK).replace(' ', '_')}"


Examination = AsyncGenerator[Finding, None]
"""Findings in the order of the checks; ends with the first failure if later checks depend on it."""
