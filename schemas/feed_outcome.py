"""`instagram_feed.outcome`: how a post did, as measured by others: likes, saves, reach, sales."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.codec import InvalidEvent
from schemas.field_problems import FieldProblem, problems_of
from schemas.json_value import json_object
from schemas.wire_types import JSON_SCHEMA_DIALECT, METRIC_PATTERN, Instant, VisibleId

EVENT_TYPE: Final = "instagram_feed.outcome"
LARGEST: Final = 1e15  # the largest range of exact integers in JSON

_Uuid = Annotated[UUID, Field(strict=False)]


class FeedOutcome(BaseModel):
    """One figure of one post at one moment, replaced by later ones of the same post and metric.

    The post is given by `instagram_feed_id`, or by `overlay_id` and `revision` (by default the newest).
    Unknown fields are ignored.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", title=EVENT_TYPE)

    event_id: Annotated[VisibleId, Field(min_length=1, max_length=255)]
    instagram_feed_id: _Uuid | None = None
    overlay_id: _Uuid | None = None
    revision: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    metric: Annotated[str, StringConstraints(pattern=METRIC_PATTERN)]
    value: Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
    occurred_at: Instant
    published_at: Instant | None = None

    @property
    def amount(self) -> Decimal:
        """The value with all its digits."""
        return Decimal(repr(self.value)).normalize()

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the contract as JSON Schema."""
        names_a_post = [
            {"required": [name], "properties": {name: {"type": "string"}}}
            for name in ("instagram_feed_id", "overlay_id")
        ]
        return {"$schema": JSON_SCHEMA_DIALECT, **cls.model_json_schema(), "anyOf": names_a_post}


def decode_feed_outcome(value: bytes | None, *, max_event_bytes: int) -> FeedOutcome:
    """Read a record's value.

    Raises:
        InvalidEvent: names every field that is missing or invalid.
    """
    fields = json_object(value, max_bytes=max_event_bytes)
    if isinstance(fields, FieldProblem):
        raise InvalidEvent((fields,))
    return feed_outcome_of(fields)


def feed_outcome_of(fields: Mapping[str, Any]) -> FeedOutcome:
    """Build an outcome from its fields; null means absent.

    Raises:
        InvalidEvent: names every field that is missing or invalid.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    names_a_post = given.keys() & {"instagram_feed_id", "overlay_id"}
    nameless = () if names_a_post else (FieldProblem("instagram_feed_id", "or overlay_id is required"),)
    try:
        outcome = FeedOutcome.model_validate(given)
    except ValidationError as error:
        raise InvalidEvent(nameless + problems_of(error)) from None
    if nameless:
        raise InvalidEvent(nameless)
    return outcome
