"""`instagram_feed.created`: a post was stored."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.delivery import Delivery
from schemas.event_source import EventSource
from schemas.wire_types import WRITTEN_IN_FULL, Instant, UsdAmount, published_schema

EVENT_TYPE: Final = "instagram_feed.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmUsed:
    """The model behind the stored text, and its parameters."""

    llm_model_id: UUID
    provider: str
    model_name: str
    model_version: str | None
    used_temperature: Annotated[float | None, Field(description="Null where the model takes none.")]
    used_max_tokens: int | None
    prompt_version: Annotated[str, Field(description="The wording: its name, version and a digest.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMetrics:
    """Tokens, cost and latency of the post.

    Latency and tokens are those of the call that produced the stored text, null if unknown; `cost_usd` and `llm_calls`
    count all calls made for it, with a null cost if that of any is unknown. `end_to_end_ms` runs from the event to the
    stored post. `delivery` is that of the text's call.
    """

    latency_ms: Annotated[float | None, Field(description="Milliseconds of the call that produced the text.")]
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_prompt_tokens: Annotated[
        int | None, Field(description="Part of prompt_tokens that the provider had cached.")
    ]
    cost_usd: Annotated[
        UsdAmount | None, Field(description="US dollars, as a decimal in text, so that no digit is lost.")
    ]
    llm_calls: int
    end_to_end_ms: Annotated[
        float | None, Field(description="Milliseconds; null where neither event nor record has a time.")
    ]
    delivery: Annotated[Delivery, Field(description="live: at once. flex, batch: later, at a lower price.")] = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """The post as it is to be published: `caption` includes the hashtags, joined as they were counted.

    `is_ai_generated` is a field of Instagram's media API.
    """

    caption: str
    hashtag_count: int
    utf16_length: Annotated[
        int, Field(description="UTF-16 units of the caption, as Instagram's limit of 2,200 is counted.")
    ]
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

    event_id: Annotated[
        UUID, Field(description="The same in every copy: copies are byte for byte alike, and may come more than once.")
    ]
    event_type: Literal["instagram_feed.created"] = EVENT_TYPE
    schema_version: Literal[1] = 1
    occurred_at: Annotated[Instant, Field(description="When the post was stored.")]
    instagram_feed_id: UUID
    tenant_id: str
    job_id: UUID | None
    overlay_id: UUID
    revision: Annotated[
        int, Field(description="1 is what the overlay's own event asked for; the highest one is current.")
    ]
    instagram_ad_copy: Annotated[str, Field(description="The caption without the hashtags.")]
    hashtags: Annotated[str, Field(description="Separated by spaces: #a #b")]
    llm: LlmUsed
    metrics: FeedMetrics
    experiment: Annotated[ExperimentArm | None, Field(description="Null outside of experiments.")]
    source: Annotated[EventSource, Field(description="The overlay.completed behind it.")]
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
