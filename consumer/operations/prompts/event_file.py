"""Events from a file of lines, to see or try prompts with."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from consumer.operations.produce.event_lines import EventLine, key_of
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.event_types import EventTypes
from schemas.overlay_completed import OverlayCompleted
from schemas.record import SourceRecord


class WrongLine(Exception):
    """A line is no event; the message says which and why."""


def first_events(path: Path, *, limit: int, max_event_bytes: int, event_types: EventTypes) -> list[OverlayCompleted]:
    """Return the first events of a file, one a line; blank lines are left out.

    Raises:
        WrongLine: a line is no event that the consumer would take.
        OSError: the file cannot be read.
    """
    lines = islice(_written_lines(path), limit)
    return [_event(line, max_event_bytes=max_event_bytes, event_types=event_types) for line in lines]


def _written_lines(path: Path) -> Iterator[EventLine]:
    with path.open("rb") as file:
        for number, value in enumerate(file, 1):
            line = EventLine(number, value.rstrip(b"\r\n"))
            if not line.is_blank:
                yield line


def _event(line: EventLine, *, max_event_bytes: int, event_types: EventTypes) -> OverlayCompleted:
    record = SourceRecord("file", 0, line.number, 0, key_of(line.value), line.value, ())
    try:
        return decode_overlay_completed(record, max_event_bytes=max_event_bytes, event_types=event_types)
    except (InvalidEvent, IgnoredEvent) as error:
        raise WrongLine(f"line {line.number}: {error}") from None
