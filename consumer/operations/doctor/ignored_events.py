"""Checks for events skipped because of their type."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from consumer.operations.doctor.finding import Examination, Finding
from repository.operations.ignored_days import ignored_days
from repository.pool import Connection
from schemas.event_types import EventTypes

MOST_TYPES = 5


async def examine_ignored(borrowed: Connection, event_types: EventTypes) -> Examination:
    """Report events skipped since yesterday, if any."""
    days = await ignored_days(borrowed, since=datetime.now(UTC).date() - timedelta(days=1))
    if not days:
        return
    records, places = Counter[str](), {day.event_type: day.last_place for day in reversed(days)}
    for day in days:
        records[day.event_type] += day.records
    seen = ", ".join(f"{records[name]} of {name} (last {places[name]})" for name, _ in records.most_common(MOST_TYPES))
    meant = ",".join([*event_types.names, *filter(event_types.nearly, sorted(records))])
    is_guess = meant != ",".join(event_types.names)
    action = f"set OVERLAY_EVENT_TYPES={meant}" if is_guess else "add their types to OVERLAY_EVENT_TYPES"
    advice = f"if some of them are meant, {action}, and `instagram-feed replay` has them written"
    detail = f"skipped since yesterday for a type that is not in OVERLAY_EVENT_TYPES: {seen}"
    yield Finding("events", "warning", detail, advice)
