"""From the bytes of a Kafka record to one `overlay.completed`, or to why it is none.

Plain JSON is the contract's form, CloudEvents (structured and binary) stand beside it. What carriers put around
the same fields (`schemas.forms`) is taken off where that is certain.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.envelopes import REQUIRED_FIELDS, Opened, open_cloudevent, open_document
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes
from schemas.field_problems import FieldProblem, problems_of
from schemas.forms import Form, surroundings
from schemas.framing import unframe
from schemas.incoming_cloudevents import Attributes, attributes_in_headers, declares_envelope
from schemas.json_value import json_document, size_problem
from schemas.misplaced import other_spellings, place_of_event
from schemas.overlay_completed import EVENT_TYPE, OverlayCompleted
from schemas.record import SourceRecord

_MAX_DETAIL_CHARS: Final = 1_999
_MAX_TYPE_CHARS: Final = 200
_DELETION_MARK: Final = b"__deleted"
_DELETION_TAIL_BYTES: Final = 256  # Debezium appends its members to a row's; the whole value would take too long
_PLAIN: Final = (Form.PLAIN,)
_NO_ENVELOPE: Final = Attributes()

_Model = TypeVar("_Model", bound=BaseModel)


class InvalidEvent(Exception):
    """The record is no valid overlay.completed; no retry will change that.

    `problems` holds every failing field, `detail` says them in one line without the values, behind what was opened
    to find them.
    """

    def __init__(self, problems: tuple[FieldProblem, ...], *, forms: tuple[Form, ...] = ()) -> None:
        """Take the failing fields, at least one, and the forms the event came in."""
        self.problems = problems
        parts = (surroundings(forms), "; ".join(map(str, problems)))
        self.detail = ": ".join(filter(None, parts))[:_MAX_DETAIL_CHARS]
        super().__init__(self.detail)


class IgnoredEvent(Exception):
    """The record is an event of another type: not for this consumer, and nothing is wrong."""

    def __init__(self, event_type: str) -> None:
        """Take the type as it was declared; it is kept cut to 200 characters."""
        self.event_type = event_type[:_MAX_TYPE_CHARS]
        super().__init__(f"not an {EVENT_TYPE}: {self.event_type}")


class DecodedEvent(NamedTuple):
    """An event, and the forms it came in, the outermost first."""

    event: OverlayCompleted
    forms: tuple[Form, ...]


def decode_overlay_completed(
    record: SourceRecord, *, max_event_bytes: int, event_types: EventTypes = DEFAULT_EVENT_TYPES
) -> OverlayCompleted:
    """Read `record` as `decode_record` does, for those who do not ask for the form."""
    return decode_record(record, max_event_bytes=max_event_bytes, event_types=event_types).event


def decode_record(
    record: SourceRecord, *, max_event_bytes: int, event_types: EventTypes = DEFAULT_EVENT_TYPES
) -> DecodedEvent:
    """Read `record`, its value at most `max_event_bytes` long.

    The event's `event_id` is the field, else the envelope's id, else `topic/partition/offset`; its `occurred_at`
    the field, else the envelope's time, else None; its `event_type` always `overlay.completed`.
    A plain object that has every required field is an event even if it looks like an envelope.
    Null means absent in optional fields, and so does an empty text.

    Raises:
        IgnoredEvent: the declared type is another; this is judged before the fields are.
        InvalidEvent: nothing readable, or one or more fields missing or wrong.
    """
    attributes = attributes_in_headers(record.headers) if record.headers else {}
    if not (record.headers and (attributes or declares_envelope(record.headers))):
        event = _decode_plain(record.value, max_event_bytes)
        if event is not None and (EVENT_TYPE in event_types.names or "event_type" not in event.model_fields_set):
            return DecodedEvent(_completed(event, record, _NO_ENVELOPE), _PLAIN)
    return _decode_any_form(record, attributes, max_event_bytes, event_types)


def _decode_plain(value: bytes | None, max_event_bytes: int) -> OverlayCompleted | None:
    """Take the short way, on which nearly every record goes; None if anything is unusual."""
    if (
        value is None
        or size_problem(value, max_bytes=max_event_bytes)
        or _DELETION_MARK in value[-_DELETION_TAIL_BYTES:]
    ):
        return None
    try:
        return OverlayCompleted.model_validate_json(value)
    except ValidationError:
        return None


def _decode_any_form(
    record: SourceRecord, header_attributes: Mapping[str, Any], max_event_bytes: int, event_types: EventTypes
) -> DecodedEvent:
    opened, framing = _open(record, max_event_bytes)
    attributes, prefix = (opened.attributes, "") if opened.attributes else (header_attributes, "ce_")
    fields = _of_accepted_type(opened.fields, attributes.get("type"), event_types)
    forms = framing + _forms_of(opened, header_attributes) or _PLAIN
    if isinstance(fields, FieldProblem):
        raise InvalidEvent((fields,), forms=forms)
    envelope, envelope_problems = _validated(Attributes, attributes, prefix)
    event, event_problems = _validated(OverlayCompleted, _without_empty(fields), "")
    if envelope is None or event is None:
        raise InvalidEvent(envelope_problems + _located(event_problems, fields), forms=forms)
    return DecodedEvent(_completed(event, record, envelope), forms)


def _open(record: SourceRecord, max_event_bytes: int) -> tuple[Opened, tuple[Form, ...]]:
    if problem := size_problem(record.value, max_bytes=max_event_bytes):
        return Opened(FieldProblem("value", problem)), ()
    body, framing = unframe(record.value or b"")
    document = json_document(body, max_bytes=max_event_bytes)
    if isinstance(document, FieldProblem):
        return Opened(document), framing
    if isinstance(document, dict) and declares_envelope(record.headers):
        return open_cloudevent(document), framing
    return open_document(document), framing


def _forms_of(opened: Opened, header_attributes: Mapping[str, Any]) -> tuple[Form, ...]:
    if opened.form is not Form.PLAIN:
        return (opened.form,)
    return (Form.CLOUDEVENTS_BINARY,) if header_attributes else ()


def _of_accepted_type(
    fields: dict[str, Any] | FieldProblem, envelope_type: object, event_types: EventTypes
) -> dict[str, Any] | FieldProblem:
    """Return the fields with the contract's spelling of the event's type, whichever accepted one they have.

    Raises:
        IgnoredEvent: the event's own type, or without any the envelope's, is not accepted.
    """
    own_type = fields.get("event_type") if isinstance(fields, dict) else None
    declared = envelope_type if own_type is None else own_type
    if isinstance(declared, str) and not event_types.accept(declared):
        raise IgnoredEvent(declared)
    if isinstance(fields, dict) and isinstance(own_type, str):
        return {**fields, "event_type": EVENT_TYPE}
    return fields


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out optional fields that are an empty text: what some languages write where there is no value."""
    return {name: value for name, value in fields.items() if value != "" or name in REQUIRED_FIELDS}


def _located(problems: tuple[FieldProblem, ...], fields: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    """Say of missing fields under which other name they are there, or where in the value all of them are."""
    spelled = other_spellings(fields, REQUIRED_FIELDS)
    located = tuple(
        FieldProblem(name, f"{problem} (there is {spelled[name]})" if name in spelled else problem)
        for name, problem in problems
    )
    where = None if fields.keys() & REQUIRED_FIELDS or spelled else place_of_event(fields, REQUIRED_FIELDS)
    return (*located, FieldProblem("value", f"has an event at {where}, where none is looked for")) if where else located


def _validated(
    model: type[_Model], fields: Mapping[str, Any], prefix: str
) -> tuple[_Model | None, tuple[FieldProblem, ...]]:
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return model.model_validate(given), ()
    except ValidationError as error:
        return None, problems_of(error, prefix=prefix)


def _completed(event: OverlayCompleted, record: SourceRecord, envelope: Attributes) -> OverlayCompleted:
    if event.event_id and (event.occurred_at or not envelope.time):
        return event
    return event.model_copy(
        update={
            "event_id": event.event_id or envelope.id or _position(record),
            "occurred_at": event.occurred_at or envelope.time,
        }
    )


def _position(record: SourceRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
