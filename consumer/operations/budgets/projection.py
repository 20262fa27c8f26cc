"""What a budget's period comes to if it goes on as it began."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from consumer.pipeline.budgets.periods import Span

LEAST_PART: Final = Decimal("0.01")
"""Of a period must have passed, before anything is told of its end."""


def projection(spent: Decimal, span: Span, now: datetime) -> Decimal | None:
    """Return what is spent at the period's end at the pace so far; None while too little of it has passed."""
    passed = Decimal((now - span.starts_at) / (span.ends_at - span.starts_at))
    return None if passed < LEAST_PART else spent / min(passed, Decimal(1))


def spent_up_at(spent: Decimal, limit: Decimal, span: Span, now: datetime) -> datetime | None:
    """Return when the limit is reached at the pace so far; None if that is not within the period."""
    at_end = projection(spent, span, now)
    if at_end is None or at_end <= limit or spent <= 0:
        return None
    return max(now, span.starts_at + (now - span.starts_at) * float(limit / spent))
