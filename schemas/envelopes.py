"""Envelopes that carriers put around an event: opened if their content is certain, else named.

Certain means: the envelope is recognised by its own members, it is the only one, and it contains a JSON object.
Sources: Kafka Connect's JsonConverter, Debezium's change events, the message formats of Amazon SNS, Amazon
EventBridge and Google Pub/Sub.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.field_problems import FieldProblem
from schemas.forms import NAMES, Form
from schemas.json_value import decoded_base64, embedded_object
from schemas.misplaced import place_of_event
from schemas.overlay_completed import OverlayCompleted

REQUIRED_FIELDS: Final = frozenset(name for name, field in OverlayCompleted.model_fields.items() if field.is_required())

Document = Mapping[str, Any]

_DEBEZIUM_STATES: Final = frozenset({"c", "r", "u"})  # created, read in a snapshot, updated
_DEBEZIUM_OTHERS: Final = {"d": "a delete", "t": "a truncate", "m": "a message"}


@dataclass(frozen=True, slots=True)
class Opened:
    """The content of a document: an event's fields, or why there are none.

    `attributes` are those of the envelope, with CloudEvents' names: `id`, `time`, `type`.
    """

    fields: dict[str, Any] | FieldProblem
    form: Form = Form.PLAIN
    attributes: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """A known envelope: how it is recognised, and where it contains the event."""

    form: Form
    member: str
    recognise: Callable[[Document], bool]
    content: Callable[[Document], object]
    attributes: Callable[[Document], Document] = lambda _: {}


def has_event_fields(document: object) -> bool:
    """Return whether `document` is an object with every required field, and so certainly the event."""
    return isinstance(document, dict) and document.keys() >= REQUIRED_FIELDS


def open_document(document: object) -> Opened:
    """Find the event's fields in a parsed value; an object without a known envelope is returned unchanged."""
    match document:
        case str() as text:
            return _opened(_only_once_encoded(text), Form.JSON_STRING)
        case list() as elements:
            where = place_of_event(elements, REQUIRED_FIELDS)
            event = f", with an event at {where}" if where else ""
            return Opened(FieldProblem("value", f"must be a JSON object, not a list of {len(elements)}{event}"))
        case dict() as fields if has_event_fields(fields):
            return Opened(_unless_deleted(fields))
        case dict() as fields:
            return _open_object(fields)
    return Opened(FieldProblem("value", "must be a JSON object"))


def _only_once_encoded(text: str) -> dict[str, Any] | FieldProblem:
    if text.lstrip().startswith('"'):
        return FieldProblem("value", "is a JSON string in a JSON string; only one is opened")
    return embedded_object(text, name="value")


def _open_object(document: dict[str, Any]) -> Opened:
    if envelope := _envelope_of(document):
        return _open(envelope, document)
    holders = [member for member in document.values() if has_event_fields(member)]
    if len(document) == len(holders) == 1:
        return _opened(holders[0], Form.WRAPPED)
    if holders:
        where = place_of_event(document, REQUIRED_FIELDS)
        return Opened(FieldProblem("value", f"is an unknown envelope: the event stands in {where}, not alone"))
    return Opened(document)


def open_cloudevent(document: Document) -> Opened:
    """Open an object that is declared to be a CloudEvents envelope."""
    return _open(_CLOUDEVENT, document)


def _open(envelope: _Envelope, document: Document) -> Opened:
    fields = embedded_object(envelope.content(document), name=envelope.member)
    return _opened(fields, envelope.form, envelope.attributes(document))


def _opened(fields: dict[str, Any] | FieldProblem, form: Form, attributes: Document | None = None) -> Opened:
    """Refuse a second envelope: deeper content would be a guess."""
    inner = _envelope_of(fields) if isinstance(fields, dict) and not has_event_fields(fields) else None
    if inner is not None:
        fields = FieldProblem("value", f"holds {NAMES[inner.form]}; only one envelope is opened")
    return Opened(fields, form, attributes or {})


def _envelope_of(document: Document) -> _Envelope | None:
    return next((envelope for envelope in _ENVELOPES if envelope.recognise(document)), None)


def _unless_deleted(fields: dict[str, Any]) -> dict[str, Any] | FieldProblem:
    """Return a row unless it is marked as deleted by a member of Debezium's flattened rows."""
    if str(fields.get("__deleted")).lower() == "true":
        return FieldProblem("__deleted", "says that the row was deleted: there is nothing to write about")
    return fields


def _is_connect(document: Document) -> bool:
    return document.keys() == {"schema", "payload"}


def _connect_payload(document: Document) -> object:
    """Return the content of Connect's envelope; a problem if it is empty, None if it is not such an envelope."""
    if not _is_connect(document):
        return None
    return FieldProblem("payload", "is null (a tombstone)") if document["payload"] is None else document["payload"]


def _is_change(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("op"), str) and "after" in document


def _row_after(document: Document) -> object:
    change = document["payload"] if _is_connect(document) else document
    if change["op"] in _DEBEZIUM_STATES:
        return change["after"]
    meaning = _DEBEZIUM_OTHERS.get(change["op"], "of an unknown kind")
    return FieldProblem("op", f"says that the change is {meaning}: there is no overlay to write about")


def _cloudevent_data(document: Document) -> object:
    if document.get("data") is not None:
        return document["data"]
    if document.get("data_base64") is None:
        return FieldProblem("data", "is required")
    name = "data_base64"
    return embedded_object(decoded_base64(document[name], name=name), name=name)


def _is_pubsub(document: Document) -> bool:
    message = document.get("message")
    return "subscription" in document and isinstance(message, dict) and "data" in message


def _named(document: Document, **names: str) -> Document:
    """Return members under their CloudEvents names."""
    return {attribute: document[name] for attribute, name in names.items() if name in document}


_CLOUDEVENT: Final = _Envelope(
    form=Form.CLOUDEVENTS_STRUCTURED,
    member="data",
    recognise=lambda document: "specversion" in document and ("data" in document or "data_base64" in document),
    content=_cloudevent_data,
    attributes=lambda document: document,
)
_ENVELOPES: Final = (
    _CLOUDEVENT,
    _Envelope(
        form=Form.DEBEZIUM,
        member="after",
        recognise=lambda document: _is_change(document) or _is_change(_connect_payload(document)),
        content=_row_after,
    ),
    _Envelope(
        form=Form.KAFKA_CONNECT,
        member="payload",
        recognise=_is_connect,
        content=_connect_payload,
    ),
    _Envelope(
        form=Form.AWS_EVENTBRIDGE,
        member="detail",
        recognise=lambda document: document.keys() >= {"detail-type", "detail", "source"},
        content=lambda document: document["detail"],
        attributes=lambda document: _named(document, id="id", time="time", type="detail-type"),
    ),
    _Envelope(
        form=Form.AWS_SNS,
        member="Message",
        recognise=lambda document: document.get("Type") == "Notification" and "Message" in document,
        content=lambda document: document["Message"],
        attributes=lambda document: _named(document, id="MessageId", time="Timestamp"),
    ),
    _Envelope(
        form=Form.GOOGLE_PUBSUB,
        member="message.data",
        recognise=_is_pubsub,
        content=lambda document: decoded_base64(document["message"]["data"], name="message.data"),
        attributes=lambda document: _named(document["message"], id="messageId", time="publishTime"),
    ),
)
