"""`instagram_feed.failed`: no post can be written for an overlay."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.event_source import EventSource
from schemas.wire_types import WRITTEN_IN_FULL, Instant, UsdAmount, published_schema

EVENT_TYPE: Final = "instagram_feed.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstagramFeedFailed:
    """The contract with whoever waits for the post; fields are written in this order.

    Tokens, `cost_usd` and `llm_calls` count everything that was spent in vain; null if unknown.
    """

    __pydantic_config__: ClassVar[ConfigDict] = WRITTEN_IN_FULL

    event_id: Annotated[
        UUID, Field(description="The same in every copy; a request that is tried again and fails again has another.")
    ]
    event_type: Literal["instagram_feed.failed"] = EVENT_TYPE
    schema_version: Literal[1] = 1
    occurred_at: Instant
    tenant_id: str
    job_id: UUID | None
    overlay_id: UUID
    revision: int
    reason: Annotated[
        str, Field(description="A code of schemas/reasons.py; codes are added, none gets another meaning.")
    ]
    detail: Annotated[str, Field(description="For people; no text of the shop is in it.")]
    attempts: Annotated[int, Field(description="How often it was tried.")]
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cost_usd: Annotated[
        UsdAmount | None, Field(description="US dollars, as a decimal in text, so that no digit is lost.")
    ]
    llm_calls: int
    source: Annotated[EventSource, Field(description="The overlay.completed behind it.")]

    def encode(self) -> bytes:
        """Return the event as UTF-8 JSON; the same event always gives the same bytes."""
        return _WIRE.dump_json(self)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the contract as JSON Schema."""
        return published_schema(_WIRE)


_WIRE: Final = TypeAdapter(InstagramFeedFailed)
