"""How a stretch of time is cut for a chart."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

Bucket = Literal["hour", "day", "week", "month", "year"]

# With these a chart has at most about a hundred columns.
_LONGEST: tuple[tuple[timedelta, Bucket], ...] = (
    (timedelta(days=4), "hour"),
    (timedelta(days=100), "day"),
    (timedelta(days=700), "week"),
    (timedelta(days=3_000), "month"),
)
_DAYS_IN_A_WEEK = 7
_MORE_THAN_A_MONTH = timedelta(days=32)


def bucket_for(length: timedelta) -> Bucket:
    """Return the bucket that suits a stretch of this length."""
    return next((bucket for longest, bucket in _LONGEST if length <= longest), "year")


def bucket_starts(since: datetime, until: datetime, bucket: Bucket) -> list[datetime]:
    """Return the beginnings of all buckets from `since` until before `until`, both in local time without an offset."""
    starts, begins = [], _truncated(since, bucket)
    while begins < until:
        starts.append(begins)
        begins = _next(begins, bucket)
    return starts


def in_part(starts: Sequence[datetime], since: datetime, until: datetime, bucket: Bucket) -> frozenset[int]:
    """Return the places of buckets that begin before `since` or end after `until`, in local time without an offset."""
    return frozenset(place for place, begins in enumerate(starts) if begins < since or _next(begins, bucket) > until)


def bucket_label(begins: datetime, bucket: Bucket) -> str:
    """Return the bucket in a few characters, for an axis."""
    match bucket:
        case "hour":
            return f"{begins:%d %b %H:%M}"
        case "day":
            return f"{begins:%d %b}"
        case "week":
            return f"{begins:%d %b %Y}"
        case "month":
            return f"{begins:%b %Y}"
        case "year":
            return f"{begins:%Y}"


def _truncated(moment: datetime, bucket: Bucket) -> datetime:
    """Truncate as PostgreSQL's date_trunc does: weeks begin on Monday."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match bucket:
        case "hour":
            return hour
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)


def _next(begins: datetime, bucket: Bucket) -> datetime:
    match bucket:
        case "hour":
            return begins + timedelta(hours=1)
        case "day":
            return begins + timedelta(days=1)
        case "week":
            return begins + timedelta(days=_DAYS_IN_A_WEEK)
        case "month":
            return (begins + _MORE_THAN_A_MONTH).replace(day=1)
        case "year":
            return begins.replace(year=begins.year + 1)
