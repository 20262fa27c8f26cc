"""Times on the command line: in UTC unless a command has a timezone."""

from datetime import UTC, datetime


def in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment that an option without an offset means."""
    return moment and moment.replace(tzinfo=UTC)
