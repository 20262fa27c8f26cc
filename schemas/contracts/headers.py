"""Record headers as models, so that their schemas are generated like those of values. Values are text."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.wire_types import Instant

_TRACEPARENT: Final = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_NUMBER: Final = "^-?[0-9]+$"
_SHA256: Final = "^[0-9a-f]{64}$"

_Number = Annotated[str, Field(pattern=_NUMBER)]


class EventHeaders(BaseModel):
    """Headers of every outgoing event: CloudEvents 1.0 in binary mode, and W3C Trace Context."""

    model_config = ConfigDict(title="Headers of events")

    ce_specversion: Literal["1.0"]
    ce_id: UUID = Field(description="The event_id of the value: the same in every copy of the event.")
    ce_source: str = Field(description="A URI reference to the program that wrote the event.")
    ce_type: str = Field(description="The event_type of the value.")
    ce_subject: UUID = Field(description="The overlay_id of the value, which is the record's key, too.")
    ce_time: Instant = Field(description="The occurred_at of the value.")
    content_type: Literal["application/json"] = Field(alias="content-type")
    traceparent: Annotated[str, Field(pattern=_TRACEPARENT)] = Field(
        description="Continues the trace of the event that asked for the post, if that had one."
    )
    tracestate: str | None = Field(None, description="What the trace's own systems said beside it, passed on.")


class IncomingHeaders(BaseModel):
    """Headers of incoming records that are read; all are optional, others are ignored."""

    model_config = ConfigDict(title="Headers of incoming events")

    ce_specversion: Literal["1.0"] | None = None
    ce_id: str | None = Field(None, description="Taken for an event_id that the value does not have.")
    ce_type: str | None = Field(None, description="Taken for an event_type that the value does not have.")
    ce_time: Instant | None = Field(None, description="Taken for an occurred_at that the value does not have.")
    content_type: str | None = Field(
        None, alias="content-type", description="application/cloudevents+json declares the structured mode."
    )
    traceparent: Annotated[str, Field(pattern=_TRACEPARENT)] | None = Field(
        None, description="The trace that the answer to this event is to continue; ce_traceparent is read, too."
    )
    tracestate: str | None = None


class DeadLetterHeaders(BaseModel):
    """Headers added to a dead letter; its own headers, key and value are unchanged."""

    model_config = ConfigDict(title="Headers of dead letters")

    dlq_reason: str = Field(description="A reason code; codes are added, none gets another meaning.")
    dlq_detail: str = Field(description="What is wrong, without the values that are.")
    dlq_stage: str = Field(description="Where it failed: intake (unpaid) or worker.")
    dlq_attempts: _Number
    dlq_failed_at: Instant
    dlq_original_topic: str
    dlq_original_partition: _Number
    dlq_original_offset: _Number
    dlq_original_timestamp: _Number = Field(description="Milliseconds since the epoch; -1 where there is none.")
    dlq_truncated: Literal["true"] | None = Field(None, description="There if the topic takes no letter so large.")
    dlq_original_bytes: _Number | None = Field(None, description="Of the whole value, where it was cut.")
    dlq_original_sha256: Annotated[str, Field(pattern=_SHA256)] | None = Field(
        None, description="Of the whole value, where it was cut."
    )
