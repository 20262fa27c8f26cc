"""CloudEvents 1.0 attributes of incoming events, in headers or in an envelope.

Source: CloudEvents 1.0.2, its JSON event format and its Kafka protocol binding.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.record import Headers
from schemas.wire_types import Id, Instant

_BINARY_PREFIX: Final = "ce_"
_STRUCTURED_CONTENT_TYPE: Final = b"application/cloudevents"


class Attributes(BaseModel):
    """The relevant context attributes; null means unset, as in the format."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[Id, Field(min_length=1)] | None = None
    time: Instant | None = None


def attributes_in_headers(headers: Headers) -> dict[str, Any]:
    """Return the `ce_` headers without prefix, as text; values that are not UTF-8 stay bytes."""
    return {
        name[len(_BINARY_PREFIX) :].lower(): _text(value)
        for name, value in headers
        if name[: len(_BINARY_PREFIX)].lower() == _BINARY_PREFIX
    }


def declares_envelope(headers: Headers) -> bool:
    """Return whether the content-type header declares an envelope."""
    return any(
        name.lower() == "content-type" and value is not None and value.lower().startswith(_STRUCTURED_CONTENT_TYPE)
        for name, value in headers
    )


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
