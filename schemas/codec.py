"""From the bytes of a Kafka record to one `overlay.completed`, or to why it is none.

Three forms are accepted: plain JSON, CloudEvents structured, CloudEvents binary.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.field_problems import FieldProblem, problems_of
from schemas.incoming_cloudevents import (
    Attributes,
    attributes_in_headers,
    declares_envelope,
    is_structured,
    structured_data,
)
from schemas.json_value import json_object, size_problem
from schemas.overlay_completed import EVENT_TYPE, OverlayCompleted
from schemas.record import SourceRecord

_MAX_DETAIL_CHARS: Final = 1_999
_MAX_TYPE_CHARS: Final = 200
_NO_ENVELOPE: Final = Attributes()

_Model = TypeVar("_Model", bound=BaseModel)


class InvalidEvent(Exception):
    """The record is no valid overlay.completed; no retry will change that.

    `problems` holds every failing field, `detail` says them in one line without the values.
    """

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        """Take the failing fields, at least one."""
        self.problems = problems
        self.detail = "; ".join(map(str, problems))[:_MAX_DETAIL_CHARS]
        super().__init__(self.detail)


class IgnoredEvent(Exception):
    """The record is an event of another type: not for this consumer, and nothing is wrong."""

    def __init__(self, event_type: str) -> None:
        """Take the type as it was declared; it is kept cut to 200 characters."""
        self.event_type = event_type[:_MAX_TYPE_CHARS]
        super().__init__(f"not an {EVENT_TYPE}: {self.event_type}")


def decode_overlay_completed(record: SourceRecord, *, max_event_bytes: int) -> OverlayCompleted:
    """Read `record`, its value at most `max_event_bytes` long.

    The result's `event_id` is the field, else the CloudEvents id, else
    `topic/partition/offset`; its `occurred_at` the field, else the CloudEvents time, else None.
    A plain object that has every required field is an event even if it looks like an envelope.
    Null means absent in optional fields.

    Raises:
        IgnoredEvent: the declared type is another; this is judged before the fields are.
        InvalidEvent: nothing readable, or one or more fields missing or wrong.
    """
    attributes = attributes_in_headers(record.headers) if record.headers else {}
    if not attributes and not declares_envelope(record.headers):
        event = _decode_plain(record.value, max_event_bytes)
        if event is not None:
            return _completed(event, record, _NO_ENVELOPE)
    return _decode_any_form(record, attributes, max_event_bytes)


def _decode_plain(value: bytes | None, max_event_bytes: int) -> OverlayCompleted | None:
    """Take the short way, on which nearly every record goes; None if anything is unusual."""
    if value is None or size_problem(value, max_bytes=max_event_bytes):
        return None
    try:
        return OverlayCompleted.model_validate_json(value)
    except ValidationError:
        return None


def _decode_any_form(record: SourceRecord, attributes: dict[str, Any], max_event_bytes: int) -> OverlayCompleted:
    fields = json_object(record.value, max_bytes=max_event_bytes)
    prefix = "ce_"
    if isinstance(fields, dict) and is_structured(record.headers, fields):
        attributes, prefix = fields, ""
        fields = structured_data(fields, max_bytes=max_event_bytes)
    _ignore_other_types(fields, attributes.get("type"))
    if isinstance(fields, FieldProblem):
        raise InvalidEvent((fields,))
    envelope, envelope_problems = _validated(Attributes, attributes, prefix)
    event, event_problems = _validated(OverlayCompleted, fields, "")
    if envelope is None or event is None:
        raise InvalidEvent(envelope_problems + event_problems)
    return _completed(event, record, envelope)


def _ignore_other_types(fields: dict[str, Any] | FieldProblem, ce_type: object) -> None:
    declared = fields.get("event_type") if isinstance(fields, dict) else None
    if isinstance(declared, str) and declared != EVENT_TYPE:
        raise IgnoredEvent(declared)
    if declared is None and isinstance(ce_type, str) and not _lease_is_held(ce_type):
        raise IgnoredEvent(ce_type)


def _lease_is_held(ce_type: str) -> bool:
    # CloudEvents asks for types prefixed with a reverse DNS name.
    return ce_type == EVENT_TYPE or ce_type.endswith(f".{EVENT_TYPE}")


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
