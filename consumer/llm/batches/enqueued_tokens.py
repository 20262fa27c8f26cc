"""The provider's limit on tokens enqueued in batches, learned from refusals and successes. Pure."""

import re

RAISED_BY = 1.25
_TOLD = re.compile(r"Limit: ([\d,]+) enqueued tokens")


def after_refusal(message: str, *, enqueued: int, known: int | None) -> int:
    """Return the limit after a batch was refused with so many tokens enqueued, including its own.

    It is the limit in the message, if less than was enqueued; else half of what was tried or known.
    """
    if (told := _TOLD.search(message)) and 0 < (limit := int(told[1].replace(",", ""))) < enqueued:
        return limit
    return max(1, min(enqueued, known or enqueued) // 2)


def after_success(*, enqueued: int, known: int | None) -> int | None:
    """Return the limit after a batch succeeded with so many tokens enqueued: raised if that came close to it."""
    if known is None:
        return None
    return max(known, int(known * RAISED_BY)) if enqueued >= known // 2 else known
