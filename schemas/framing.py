"""Framing bytes around the JSON of a value: removed if JSON follows, else named.

Sources: Confluent's wire format (magic byte 0, schema id of four bytes, for Protobuf a message index),
Apicurio's (an id of eight bytes), the header of AWS Glue's serializers, and the magic numbers of common formats.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from schemas.forms import Form

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_REGISTRY_HEADER_BYTES: Final = 5
_MAX_BYTES_BEFORE_JSON: Final = 12  # the rest of a long id, a message index, the length of an Avro string
_GLUE_HEADER_BYTES: Final = 18
_GLUE_COMPRESSIONS: Final = {0: "", 5: ", compressed with zlib"}
_JSON_START: Final = re.compile(rb"\s*[{\[\"]")

# One zero byte beside an ASCII character at the start: no UTF-8 text begins so, JSON in UTF-16 always does.
_UTF_16_OR_32: Final = re.compile(rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|\x00[{\[\"]\x00|[{\[\"]\x00")
_MAGIC: Final = (
    (re.compile(rb"\x1f\x8b"), "is compressed with gzip, not JSON"),
    (re.compile(rb"x[\x01\x5e\x9c\xda]"), "is compressed with zlib, not JSON"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "is compressed with zstd, not JSON"),
    (re.compile(rb"\x04\x22\x4d\x18"), "is compressed with lz4, not JSON"),
    (re.compile(rb"\xff\x06\x00\x00sNaPpY|\x82SNAPPY\x00"), "is compressed with snappy, not JSON"),
    (re.compile(rb"BZh[1-9]"), "is compressed with bzip2, not JSON"),
    (re.compile(rb"Obj\x01"), "is an Avro container file, not JSON"),
    (re.compile(rb"PAR1"), "is a Parquet file, not JSON"),
    (re.compile(rb"\xac\xed\x00\x05"), "is a serialized Java object, not JSON"),
    (re.compile(rb"[\x80-\x8f][\xa1-\xbf\xd9-\xdb]"), "looks like MessagePack, not JSON"),
    (re.compile(rb"[\xa1-\xbf][\x61-\x7b]"), "looks like CBOR, not JSON"),
    (re.compile(rb"\s*<[?!A-Za-z]"), "is XML or HTML, not JSON"),
    (re.compile(rb"(eyJ|ewo)[A-Za-z0-9+/_=\s-]+\Z"), "is Base64 text, not JSON"),
)


class Unframed(NamedTuple):
    """The value without framing, and the kind of framing."""

    body: bytes
    forms: tuple[Form, ...]


def unframe(value: bytes) -> Unframed:
    """Remove a byte order mark and a schema registry's header if JSON follows; else return `value` unchanged."""
    if value.startswith(BYTE_ORDER_MARK):
        return Unframed(value[len(BYTE_ORDER_MARK) :], (Form.BYTE_ORDER_MARK,))
    if _UTF_16_OR_32.match(value):
        return Unframed(value, ())
    if _is_registry_framed(value) and (body := _json_behind(value)):
        return Unframed(body, (Form.SCHEMA_REGISTRY,))
    if _is_glue_framed(value) and _JSON_START.match(value, _GLUE_HEADER_BYTES):
        return Unframed(value[_GLUE_HEADER_BYTES:], (Form.GLUE_SCHEMA_REGISTRY,))
    return Unframed(value, ())


def framing_of(value: bytes) -> str | None:
    """Describe a value that is not JSON, as far as its first bytes tell."""
    if _UTF_16_OR_32.match(value):
        return "is UTF-16 or UTF-32 text, not UTF-8"
    if _is_registry_framed(value):
        schema_id = int.from_bytes(value[1:_REGISTRY_HEADER_BYTES])
        return f"is framed by a schema registry (schema id {schema_id}), not JSON"
    if _is_glue_framed(value):
        version, compression = UUID(bytes=value[2:_GLUE_HEADER_BYTES]), _GLUE_COMPRESSIONS[value[1]]
        return f"is framed by AWS Glue Schema Registry (schema version {version}{compression}), not JSON"
    if int.from_bytes(value[:4], "little") == len(value) and value.endswith(b"\0"):
        return "looks like BSON, not JSON"
    return next((name for magic, name in _MAGIC if magic.match(value)), None)


def _is_registry_framed(value: bytes) -> bool:
    return value.startswith(b"\0") and len(value) > _REGISTRY_HEADER_BYTES


def _is_glue_framed(value: bytes) -> bool:
    return value.startswith(b"\3") and len(value) > _GLUE_HEADER_BYTES and value[1] in _GLUE_COMPRESSIONS


def _json_behind(value: bytes) -> bytes | None:
    """Return the JSON that begins shortly after the header and ends with the value.

    If none parses: what directly follows the header, if it looks like JSON, so that its error can be reported.
    """
    whole = next((body for body in _objects_behind(value) if _is_json(body)), None)
    if whole is None and _JSON_START.match(value, _REGISTRY_HEADER_BYTES):
        return value[_REGISTRY_HEADER_BYTES:]
    return whole


def _objects_behind(value: bytes) -> Iterator[bytes]:
    end = _REGISTRY_HEADER_BYTES + _MAX_BYTES_BEFORE_JSON
    return (value[start:] for start in range(_REGISTRY_HEADER_BYTES, end) if value[start : start + 1] == b"{")


def _is_json(text: bytes) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True
