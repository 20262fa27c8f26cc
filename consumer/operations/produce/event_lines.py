"""Lines of a JSONL file as records for the incoming topic."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_core import from_json

from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.record import OutgoingRecord, SourceRecord


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line without its line feed; `number` counts from 1."""

    number: int
    value: bytes

    @property
    def is_blank(self) -> bool:
        """Whether it holds nothing but white space."""
        return not self.value.strip()


def record_of(line: EventLine, *, topic: str) -> OutgoingRecord:
    """The line as it is, whatever it holds; keyed by its overlay if it names one."""
    return OutgoingRecord(topic, key_of(line.value), line.value, ())


def key_of(value: bytes) -> bytes | None:
    """The text of the event's overlay_id, also inside a CloudEvents envelope; None where there is none."""
    try:
        event = from_json(value)
    except ValueError:
        return None
    for fields in (event, event.get("data") if isinstance(event, dict) else None):
        overlay_id = fields.get("overlay_id") if isinstance(fields, dict) else None
        if isinstance(overlay_id, str):
            return overlay_id.encode()
    return None


def problems_of(lines: Iterable[EventLine], *, topic: str, max_event_bytes: int) -> dict[int, str]:
    """What the consumer would say about each line that it would not take, by line number."""
    found: dict[int, str] = {}
    for line in lines:
        record = SourceRecord(topic, 0, line.number, 0, key_of(line.value), line.value, ())
        try:
            decode_overlay_completed(record, max_event_bytes=max_event_bytes)
        except (InvalidEvent, IgnoredEvent) as error:
            found[line.number] = str(error)
    return found
