"""Dead letters: the original record, untouched, with the reason beside it."""

from datetime import datetime
from typing import Final

from schemas.record import Headers, OutgoingRecord, SourceRecord
from schemas.wire_types import rfc3339

_PREFIX: Final = "dlq_"
_ORIGIN_NAMES: Final = (
    "dlq_original_topic",
    "dlq_original_partition",
    "dlq_original_offset",
    "dlq_original_timestamp",
)


def dead_letter(
    record: SourceRecord,
    *,
    topic: str,
    reason: str,
    detail: str,
    stage: str,
    attempts: int,
    failed_at: datetime,
) -> OutgoingRecord:
    """Return the record for the dead letter topic.

    Key, value and headers stay byte for byte; `dlq_*` headers are added, their values UTF-8
    text, `dlq_original_timestamp` in ms since the epoch.

    A record that already was a dead letter and was replayed as it is gets its `dlq_*` headers
    replaced, since a reader looking up one name must find this failure. Only
    `dlq_original_*` is kept, if it is whole: it leads to the record the producer wrote, while
    the replayed copy's position leads to nothing but the dead letter before this one.
    """
    failure = (
        ("dlq_reason", _text(reason)),
        ("dlq_detail", _text(detail)),
        ("dlq_stage", _text(stage)),
        ("dlq_attempts", _text(str(attempts))),
        ("dlq_failed_at", _text(rfc3339(failed_at))),
    )
    own_headers = tuple(header for header in record.headers if not header[0].startswith(_PREFIX))
    headers = own_headers + failure + (_first_origin(record) or _origin(record))
    return OutgoingRecord(topic=topic, key=record.key, value=record.value, headers=headers)


def original_record(record: SourceRecord) -> SourceRecord:
    """The record that a dead letter was made of, where it lay; any other record is returned as it is."""
    if _first_origin(record) is None:
        return record
    found = {name: value or b"" for name, value in record.headers}
    topic, *position = (found[name].decode("utf-8", "replace") for name in _ORIGIN_NAMES)
    try:
        partition, offset, timestamp_ms = map(int, position)
    except ValueError:
        return record
    headers = tuple(header for header in record.headers if not header[0].startswith(_PREFIX))
    return SourceRecord(topic, partition, offset, timestamp_ms, record.key, record.value, headers)


def _first_origin(record: SourceRecord) -> Headers | None:
    found = dict(record.headers)
    origin = tuple((name, found.get(name)) for name in _ORIGIN_NAMES)
    return origin if all(value for _, value in origin) else None


def _origin(record: SourceRecord) -> Headers:
    position = (record.topic, record.partition, record.offset, record.timestamp_ms)
    return tuple((name, _text(str(value))) for name, value in zip(_ORIGIN_NAMES, position, strict=True))


def _text(value: str) -> bytes:
    # A detail may quote text that UTF-8 cannot hold; it must not keep the letter from being sent.
    return value.encode("utf-8", "backslashreplace")
