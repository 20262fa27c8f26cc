"""`instagram_feed.created`: a post was stored."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, TypeAdapter

from schemas.event_source import EventSource
from schemas.wire_types import WRITTEN_IN_FULL, Instant, UsdAmount, published_schema

EVENT_TYPE: Final = "instagram_feed.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmUsed:
    """The model behind the stored text and what it was called with."""

    llm_model_id: UUID
    provider: str
    model_name: str
    model_version: str | None
    used_temperature: float | None
    used_max_tokens: int | None
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMetrics:
    """What the post took.

    Latency and tokens are those of the call that produced the stored text, null where the provider
    does not tell; `cost_usd` and `llm_calls` count all calls made for it, the cost null where one of
    them is unknown. `end_to_end_ms` runs from event to stored post.
    """

    latency_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_prompt_tokens: int | None
    cost_usd: UsdAmount | None
    llm_calls: int
    end_to_end_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """The post as a publisher sends it: `caption` has the hashtags in it, joined as they were counted.

    `is_ai_generated` is the field of Instagram's media API, which wants to know.
    """

    caption: str
    hashtag_count: int
    utf16_length: int
    is_ai_generated: Literal[True] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentArm:
    """The variant of an experiment under which the post was written."""

    experiment_id: UUID
    name: str
    variant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstagramFeedCreated:
    """The contract with publishers downstream; fields are written in this order."""

    __pydantic_config__: ClassVar[ConfigDict] = WRITTEN_IN_FULL

    event_id: UUID
    event_type: Literal["instagram_feed.created"] = EVENT_TYPE
    schema_version: Literal[1] = 1
    occurred_at: Instant
    instagram_feed_id: UUID
    tenant_id: str
    job_id: UUID | None
    overlay_id: UUID
    revision: int
    instagram_ad_copy: str
    hashtags: str
    llm: LlmUsed
    metrics: FeedMetrics
    experiment: ExperimentArm | None
    source: EventSource
    publishing: Publishing

    def encode(self) -> bytes:
        """Return the event as UTF-8 JSON; the same event always gives the same bytes."""
        return _WIRE.dump_json(self)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the contract as JSON Schema."""
        return published_schema(_WIRE)


# Plain dataclasses are built without validation; the adapter adds a compiled encoder.
_WIRE: Final = TypeAdapter(InstagramFeedCreated)
