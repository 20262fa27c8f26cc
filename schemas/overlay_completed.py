"""`overlay.completed`: the event that asks for one Instagram post."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from schemas.delivery import RequestedDelivery
from schemas.wire_types import JSON_SCHEMA_DIALECT, Id, Instant, VisibleId

EVENT_TYPE: Final = "overlay.completed"

# PostgreSQL's text and jsonb refuse NUL, so texts must not contain it.
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
_RequiredText = Annotated[_Text, Field(min_length=1, max_length=20_000)]
# Strict UUIDs accept no strings outside JSON mode; this one accepts only strings, in both modes.
_Uuid = Annotated[UUID, Field(strict=False)]
_NIL: Final = UUID(int=0)


def _not_nil(overlay_id: UUID) -> UUID:
    """Refuse what some languages write where no id was set: of all events with it, only the first would get a post."""
    if overlay_id == _NIL:
        raise ValueError("must not be the nil UUID")
    return overlay_id


class OverlayCompleted(BaseModel):
    """A finished overlay, and the texts for its post.

    Lengths count Unicode code points, as PostgreSQL's VARCHAR does. Unknown fields are ignored.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", title=EVENT_TYPE)

    # decoded events always have one: see `schemas.codec`
    event_id: Id = Field(
        default="",
        description="Else the CloudEvents id, else derived from topic, partition and offset.",
    )
    event_type: Literal["overlay.completed"] = EVENT_TYPE
    occurred_at: Instant | None = None
    tenant_id: Annotated[VisibleId, Field(min_length=1, max_length=255)]
    overlay_id: Annotated[_Uuid, AfterValidator(_not_nil)]
    job_id: _Uuid | None = None
    refined_ad_copy_eng: _RequiredText
    tone_style: _RequiredText
    product_description: _RequiredText
    store_information: _RequiredText
    gpt_prompt: Annotated[_Text, Field(max_length=20_000)] = Field(
        default="", description="Empty means the built-in instruction."
    )
    delivery: RequestedDelivery | None = Field(
        default=None,
        description="live: at once. batch: within about a day, at half the price. "
        "Default: what the tenant has, else live.",
    )

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the contract as JSON Schema."""
        return {"$schema": JSON_SCHEMA_DIALECT, **cls.model_json_schema()}
