"""CloudEvents 1.0 around an incoming event: its attributes, in headers or in an envelope.

Source: CloudEvents 1.0.2, its JSON event format and its Kafka protocol binding.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.record import Headers
from schemas.wire_types import Id, Instant

_BINARY_PREFIX: Final = "ce_"
_STRUCTURED_CONTENT_TYPE: Final = b"application/cloudevents"


class Attributes(BaseModel):
    """The context attributes that matter here; unset and null are the same, as the format says."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[Id, Field(min_length=1)] | None = None
    time: Instant | None = None


def attributes_in_headers(headers: Headers) -> dict[str, Any]:
    """Return the `ce_` headers without prefix, as text; bytes that are not UTF-8 stay bytes."""
    return {
        name[len(_BINARY_PREFIX) :].lower(): _text(value)
        for name, value in headers
        if name[: len(_BINARY_PREFIX)].lower() == _BINARY_PREFIX
    }


def declares_envelope(headers: Headers) -> bool:
    """Return whether the content-type header says that the value is an envelope."""
    return any(
        name.lower() == "content-type" and value is not None and value.lower().startswith(_STRUCTURED_CONTENT_TYPE)
        for name, value in headers
    )


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
