"""A projection of spending to the end of a budget's period."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from consumer.pipeline.budgets.periods import Span

LEAST_PART: Final = Decimal("0.01")
"""Share of a period that must have passed before a projection."""


def projection(spent: Decimal, span: Span, now: datetime) -> Decimal | None:
    """Return the projected spending at the period's end at the current rate; None if too little of it has passed."""
    passed = Decimal((now - span.starts_at) / (span.ends_at - span.starts_at))
    return None if passed < LEAST_PART else spent / min(passed, Decimal(1))


def spent_up_at(spent: Decimal, limit: Decimal, span: Span, now: datetime) -> datetime | None:
    """Return when the limit is reached at the current rate; None if not within the period."""
    at_end = projection(spent, span, now)
    if at_end is None or at_end <= limit or spent <= 0:
        return None
    return max(now, span.starts_at + (now - span.starts_at) * float(limit / spent))
