"""The JSON Schemas of all incoming and outgoing records, each with an example."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from schemas import feed_outcome, instagram_feed_created, instagram_feed_failed, overlay_completed
from schemas.contracts import examples
from schemas.contracts.headers import DeadLetterHeaders, EventHeaders, IncomingHeaders
from schemas.feed_outcome import FeedOutcome
from schemas.instagram_feed_created import InstagramFeedCreated
from schemas.instagram_feed_failed import InstagramFeedFailed
from schemas.overlay_completed import OverlayCompleted
from schemas.wire_types import JSON_SCHEMA_DIALECT

Direction = Literal["in", "out"]

DEAD_LETTER: Final = "overlay.completed.dlq"


@dataclass(frozen=True, slots=True)
class Contract:
    """One schema: of values or headers, of one topic or all of one direction."""

    name: str
    direction: Direction
    schema: dict[str, Any]

    @property
    def file_name(self) -> str:
        """Its file name."""
        return f"{self.name}.schema.json"


def contracts() -> tuple[Contract, ...]:
    """Return all schemas: the values of four topics, and the headers of dead letters, other events and inputs."""
    return (
        _contract(overlay_completed.EVENT_TYPE, "in", OverlayCompleted.json_schema(), examples.OVERLAY_COMPLETED),
        _contract(feed_outcome.EVENT_TYPE, "in", FeedOutcome.json_schema(), examples.FEED_OUTCOME),
        created_contract(),
        failed_contract(),
        _contract("incoming.headers", "in", _headers(IncomingHeaders), {"traceparent": examples.TRACEPARENT}),
        _contract("outgoing.headers", "out", _headers(EventHeaders), examples.created_headers()),
        _contract(f"{DEAD_LETTER}.headers", "out", _headers(DeadLetterHeaders), examples.dead_letter_headers()),
    )


def created_contract() -> Contract:
    """Return the schema of `instagram_feed.created`."""
    example = examples.written(examples.CREATED)
    return _contract(instagram_feed_created.EVENT_TYPE, "out", InstagramFeedCreated.json_schema(), example)


def failed_contract() -> Contract:
    """Return the schema of `instagram_feed.failed`."""
    example = examples.written(examples.FAILED)
    return _contract(instagram_feed_failed.EVENT_TYPE, "out", InstagramFeedFailed.json_schema(), example)


def _contract(name: str, direction: Direction, schema: dict[str, Any], example: object) -> Contract:
    head = {"$schema": JSON_SCHEMA_DIALECT, "$id": f"urn:instagram-feed:{name}:1", "title": name}
    body = _null_is_absent(_without_titles(schema)) if direction == "in" else _without_titles(schema)
    return Contract(name, direction, {**head, **body, **head, "examples": [example]})


def _headers(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True, mode="serialization")


def _null_is_absent(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow null in optional fields: it is read as absent, and many serializers write it."""
    optional = schema["properties"].keys() - set(schema.get("required", ()))
    properties = {name: _or_null(part) if name in optional else part for name, part in schema["properties"].items()}
    return {**schema, "properties": properties}


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    if {"type": "null"} in part.get("anyOf", ()):
        return part
    about: dict[str, Any] = {name: part[name] for name in ("description", "default") if name in part}
    return {"anyOf": [{name: part[name] for name in part if name not in about}, {"type": "null"}], **about}


def _without_titles(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Remove pydantic's titles of fields, which only repeat their names."""
    match schema:
        case dict():
            return {
                name: _properties(part) if name in {"properties", "$defs"} else _without_titles(part)
                for name, part in schema.items()
                if name != "title"
            }
        case list():
            return [_without_titles(part) for part in schema]
    return schema


def _properties(named: dict[str, Any]) -> dict[str, Any]:
    return {name: _without_titles(part) for name, part in named.items()}
