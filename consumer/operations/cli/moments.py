"""Times on the command line: UTC unless a command has a time zone option."""

from datetime import UTC, datetime


def in_utc(moment: datetime | None) -> datetime | None:
    """Return the time of an option, in UTC if it has no offset."""
    return moment and moment.replace(tzinfo=UTC)
