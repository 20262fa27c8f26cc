"""A poll's records by kind: events, invalid records, and records of other event types. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from consumer.kafka.poller import Poll, source_record
from consumer.pipeline.dead_letters import Refusal
from consumer.pipeline.ignored_events import Ignored
from schemas.codec import IgnoredEvent, InvalidEvent, decode_record
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes
from schemas.forms import Form
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason
from schemas.record import SourceRecord

Event = tuple[SourceRecord, OverlayCompleted]


@dataclass(frozen=True, slots=True)
class ClassifiedRecords:
    """A poll's records by kind.

    `records` are all of them, in order; `events` has the first record of each overlay; `forms` counts the forms of the
    valid ones.
    """

    records: Sequence[SourceRecord]
    events: Mapping[UUID, Event]
    invalid: Sequence[Refusal]
    ignored: Sequence[Ignored]
    repeated: int
    forms: Mapping[Form, int]

    @property
    def valid(self) -> list[bool]:
        """For each record, in order, whether it is valid."""
        return self._all_but(refusal.source for refusal in self.invalid)

    @property
    def accepted(self) -> list[bool]:
        """For each record, in order, whether it was not skipped for its type."""
        return self._all_but(one.source for one in self.ignored)

    def _all_but(self, sources: Iterable[SourceRecord]) -> list[bool]:
        places = set(map(_place, sources))
        return [_place(record) not in places for record in self.records]


def classify_records(
    poll: Poll, *, max_event_bytes: int, event_types: EventTypes = DEFAULT_EVENT_TYPES
) -> ClassifiedRecords:
    """Decode a poll's records. Pure."""
    records = [source_record(record) for some in poll.values() for record in some]
    events: dict[UUID, Event] = {}
    invalid: list[Refusal] = []
    ignored: list[Ignored] = []
    forms: Counter[Form] = Counter()
    repeated = 0
    for source in records:
        try:
            event, came_as = decode_record(source, max_event_bytes=max_event_bytes, event_types=event_types)
        except InvalidEvent as error:
            invalid.append(Refusal(source, Reason.INVALID_EVENT, str(error)))
        except IgnoredEvent as error:
            ignored.append(Ignored(source, error.event_type))
        else:
            forms.update(came_as)
            repeated += event.overlay_id in events
            events.setdefault(event.overlay_id, (source, event))
    return ClassifiedRecords(records, events, invalid, ignored, repeated, forms)


def with_refused(found: ClassifiedRecords, refused: Sequence[Refusal]) -> ClassifiedRecords:
    """Return a copy in which events that the database refused are invalid. Pure."""
    places = {_place(refusal.source) for refusal in refused}
    events = {overlay_id: event for overlay_id, event in found.events.items() if _place(event[0]) not in places}
    return replace(found, events=events, invalid=[*found.invalid, *refused])


def _place(source: SourceRecord) -> tuple[int, int]:
    return source.partition, source.offset
