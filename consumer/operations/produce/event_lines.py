"""Lines of a JSONL file as records for the incoming topic."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_core import from_json

from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.envelopes import open_document
from schemas.event_types import EventTypes
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
    """Return the line as it is, whatever it holds; keyed by its overlay if it names one."""
    return OutgoingRecord(topic, key_of(line.value), line.value, ())


def key_of(value: bytes) -> bytes | None:
    """Return the text of the event's overlay_id, also inside an envelope; None where there is none."""
    try:
        fields = open_document(from_json(value)).fields
    except ValueError:
        return None
    overlay_id = fields.get("overlay_id") if isinstance(fields, dict) else None
    return overlay_id.encode() if isinstance(overlay_id, str) else None


def problems_of(
    lines: Iterable[EventLine], *, topic: str, max_event_bytes: int, event_types: EventTypes
) -> dict[int, str]:
    """Return what the consumer would say about each line that it would not take, by line number."""
    found: dict[int, str] = {}
    for line in lines:
        record = SourceRecord(topic, 0, line.number, 0, key_of(line.value), line.value, ())
        try:
            decode_overlay_completed(record, max_event_bytes=max_event_bytes, event_types=event_types)
        except (InvalidEvent, IgnoredEvent) as error:
            found[line.number] = str(error)
    return found
