"""CloudEvents 1.0 around an incoming event: attributes in headers, or an envelope in the value.

Source: CloudEvents 1.0.2, its JSON event format and its Kafka protocol binding.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.field_problems import FieldProblem
from schemas.json_value import json_object
from schemas.record import Headers
from schemas.wire_types import Instant

_BINARY_PREFIX: Final = "ce_"
_STRUCTURED_CONTENT_TYPE: Final = b"application/cloudevents"


class Attributes(BaseModel):
    """The context attributes that matter here; unset and null are the same, as the format says."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")] | None = None
    time: Instant | None = None


def attributes_in_headers(headers: Headers) -> dict[str, Any]:
    """Return the `ce_` headers without prefix, as text; bytes that are not UTF-8 stay bytes."""
    return {
        name[len(_BINARY_PREFIX) :].lower(): _text(value)
        for name, value in headers
        if name[: len(_BINARY_PREFIX)].lower() == _BINARY_PREFIX
    }


def is_structured(headers: Headers, document: Mapping[str, Any]) -> bool:
    """Tell whether `document` is an envelope around the event.

    The content type says so; a console producer cannot set one, and then the envelope's own
    members do.
    """
    return declares_envelope(headers) or (
        "specversion" in document and ("data" in document or "data_base64" in document)
    )


def declares_envelope(headers: Headers) -> bool:
    """Tell whether the content-type header says that the value is an envelope."""
    return any(
        name.lower() == "content-type" and value is not None and value.lower().startswith(_STRUCTURED_CONTENT_TYPE)
        for name, value in headers
    )


def structured_data(envelope: Mapping[str, Any], *, max_bytes: int) -> dict[str, Any] | FieldProblem:
    """Return the event within a structured-mode envelope, or why there is none."""
    data = envelope.get("data")
    if isinstance(data, dict):
        return data
    if data is not None:
        return FieldProblem("data", "must be a JSON object")
    encoded = envelope.get("data_base64")
    if encoded is None:
        return FieldProblem("data", "is required")
    return _base64_data(encoded, max_bytes=max_bytes)


def _base64_data(encoded: object, *, max_bytes: int) -> dict[str, Any] | FieldProblem:
    try:
        data = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None:
        return FieldProblem("data_base64", "must be a Base64 string")
    return json_object(data, max_bytes=max_bytes, name="data_base64")


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
