"""Kafka records: bytes and position in, bytes out."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Headers = tuple[tuple[str, bytes | None], ...]

NO_TIMESTAMP: Final = -1  # as Kafka spells it

_LENGTHS: Final = struct.Struct(">Ii")
_NULL_LENGTH: Final = -1


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One consumed record, unchanged. `timestamp_ms` is Kafka's, in ms since the epoch, or NO_TIMESTAMP."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to send; the producer derives the partition from `key`."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def pack_headers(headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Encode record headers as one byte string, losslessly.

    Preserves order, repeated names, empty and null values; no headers are `b""`.
    Form per header: name length (uint32), value length (int32, -1 for null), name, value;
    lengths in bytes and big-endian, the name in UTF-8.
    """
    return b"".join(_pack_header(name, value) for name, value in headers)


def _pack_header(name: str, value: bytes | None) -> bytes:
    # surrogatepass: a Python str may contain code points that plain UTF-8 refuses.
    encoded_name = name.encode("utf-8", "surrogatepass")
    value_length = _NULL_LENGTH if value is None else len(value)
    return _LENGTHS.pack(len(encoded_name), value_length) + encoded_name + (value or b"")


def unpack_headers(packed: bytes) -> Headers:
    """Decode what `pack_headers` encoded.

    Raises:
        ValueError: `packed` is not of that form.
    """
    headers: list[tuple[str, bytes | None]] = []
    position = 0
    while position < len(packed):
        header, position = _unpack_header(packed, position)
        headers.append(header)
    return tuple(headers)


def _unpack_header(packed: bytes, position: int) -> tuple[tuple[str, bytes | None], int]:
    name_start = position + _LENGTHS.size
    if name_start > len(packed):
        raise ValueError(f"packed headers end within the lengths at byte {position}")
    name_length, value_length = _LENGTHS.unpack_from(packed, position)
    value_start = name_start + name_length
    end = value_start + max(value_length, 0)
    if end > len(packed) or value_length < _NULL_LENGTH:
        raise ValueError(f"packed headers hold wrong lengths at byte {position}")
    name = packed[name_start:value_start].decode("utf-8", "surrogatepass")
    return (name, None if value_length == _NULL_LENGTH else packed[value_start:end]), end
