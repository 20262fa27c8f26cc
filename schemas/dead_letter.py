"""Dead letters: the original record, untouched, with the reason beside it."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.record import Headers, OutgoingRecord, SourceRecord, pack_headers
from schemas.wire_types import rfc3339

_PREFIX: Final = "dlq_"
_CUT_NAMES: Final = ("dlq_truncated", "dlq_original_bytes", "dlq_original_sha256")
_LONGEST_TEXT_BYTES: Final = 4_096  # of a reason in a cut letter
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
    the replayed copy's position leads to nothing but the dead letter before this one. That a
    letter was cut is kept, too.
    """
    failure = (
        ("dlq_reason", _text(reason)),
        ("dlq_detail", _text(detail)),
        ("dlq_stage", _text(stage)),
        ("dlq_attempts", _text(str(attempts))),
        ("dlq_failed_at", _text(rfc3339(failed_at))),
    )
    own_headers = tuple(header for header in record.headers if not header[0].startswith(_PREFIX))
    headers = own_headers + failure + (_first_origin(record) or _origin(record)) + _cut_before(record)
    return OutgoingRecord(topic=topic, key=record.key, value=record.value, headers=headers)


def is_dead_letter(record: OutgoingRecord) -> bool:
    """Return whether a record to be sent was made by `dead_letter`."""
    return any(name == "dlq_reason" for name, _ in record.headers)


def cut_dead_letter(letter: OutgoingRecord, *, most_bytes: int) -> OutgoingRecord:
    """Return the same letter with at most so many bytes of the original, for a broker that takes no larger one.

    What does not fit of its value is left out, and so are headers of its own and a key. The letter then says so:
    `dlq_truncated`, and `dlq_original_bytes` and `dlq_original_sha256` of the whole value. Our reasons stay.
    """
    value = letter.value or b""
    key = letter.key if len(letter.key or b"") <= most_bytes // 4 else None
    ours = [(name, (data or b"")[:_LONGEST_TEXT_BYTES]) for name, data in letter.headers if name.startswith(_PREFIX)]
    theirs = tuple(header for header in letter.headers if not header[0].startswith(_PREFIX))
    if len(pack_headers(theirs)) > most_bytes // 4:
        theirs = ()
    facts = (b"true", _text(str(len(value))), _text(hashlib.sha256(value).hexdigest()))
    cut = tuple(zip(_CUT_NAMES, facts, strict=True))
    # a letter that was cut before, and replayed, keeps what is said of the true original
    headers = (*theirs, *ours, *(header for header in cut if header[0] not in dict(ours)))
    return replace(letter, key=key, value=value[: most_bytes // 2], headers=headers)


def original_record(record: SourceRecord) -> SourceRecord:
    """Return the record that a dead letter was made of, where it lay; any other record is returned as it is."""
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


def _cut_before(record: SourceRecord) -> Headers:
    return tuple(header for header in record.headers if header[0] in _CUT_NAMES)


def _origin(record: SourceRecord) -> Headers:
    position = (record.topic, record.partition, record.offset, record.timestamp_ms)
    return tuple((name, _text(str(value))) for name, value in zip(_ORIGIN_NAMES, position, strict=True))


def _text(value: str) -> bytes:
    # A detail may quote text that UTF-8 cannot hold; it must not keep the letter from being sent.
    return value.encode("utf-8", "backslashreplace")
