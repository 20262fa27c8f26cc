"""The provider's limit on tokens that wait in batches: what a refusal, or a success, tells of it. Pure."""

import re

RAISED_BY = 1.25
_TOLD = re.compile(r"Limit: ([\d,]+) enqueued tokens")


def after_refusal(message: str, *, enqueued: int, known: int | None) -> int:
    """Return the limit after a batch was refused while so many tokens were waiting, its own among them.

    It is what the message says, if that is less than was waiting; else half of what was tried or known.
    """
    if (told := _TOLD.search(message)) and 0 < (limit := int(told[1].replace(",", ""))) < enqueued:
        return limit
    return max(1, min(enqueued, known or enqueued) // 2)


def after_success(*, enqueued: int, known: int | None) -> int | None:
    """Return the limit after a batch ended well, with which so many were waiting: raised if that came close to it."""
    if known is None:
        return None
    return max(known, int(known * RAISED_BY)) if enqueued >= known // 2 else known
