"""The contracts as an AsyncAPI 3.0 document: topics, keys, headers and values, with the same schemas."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas import feed_outcome, instagram_feed_created, instagram_feed_failed, overlay_completed
from schemas.contracts import examples
from schemas.contracts.json_schemas import DEAD_LETTER, Contract, Direction

ASYNCAPI_VERSION: Final = "3.0.0"
CONTRACT_VERSION: Final = "1.0.0"
"""The first part is the `schema_version` of the events, which no compatible change raises."""

FILE_NAME: Final = "asyncapi.json"

_INTRODUCTION: Final = """\
Upstream services finish an image overlay and write `overlay.completed`. An LLM writes the Instagram post, which is
announced once it is stored. The topics' names are the defaults; an installation may have others.

Every record that leaves is delivered at least once: copies share an `event_id` and are byte for byte alike. Readers
ignore fields they do not know: fields are added, none is renamed or given another meaning."""

_OVERLAY_KEY: Final = {"type": "string", "format": "uuid", "description": "The overlay_id as text."}
_ANY_KEY: Final = {"type": "string", "description": "Anything; the overlay_id as text is best."}
_ORIGINAL_KEY: Final = {"description": "The original's, byte for byte."}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Topic:
    """One topic in the document; `value` is the name of the schema of its values, None for any bytes."""

    name: str
    direction: Direction
    operation: str
    summary: str
    key: Mapping[str, Any]
    value: str | None
    headers: str
    headers_example: Mapping[str, str] | None = None

    @property
    def component(self) -> str:
        """The name of its message: without dots, since pointers refer to it."""
        return _component(self.name)


_TOPICS: Final = (
    _Topic(
        name=overlay_completed.EVENT_TYPE,
        direction="in",
        operation="receiveOverlayCompleted",
        summary="An overlay is finished: write a post. Plain JSON, or CloudEvents in binary or structured mode.",
        key=_ANY_KEY,
        value=overlay_completed.EVENT_TYPE,
        headers="incoming.headers",
        headers_example={"traceparent": examples.TRACEPARENT},
    ),
    _Topic(
        name=instagram_feed_created.EVENT_TYPE,
        direction="out",
        operation="sendInstagramFeedCreated",
        summary="A post is stored: publish it.",
        key=_OVERLAY_KEY,
        value=instagram_feed_created.EVENT_TYPE,
        headers="outgoing.headers",
        headers_example=examples.created_headers(),
    ),
    _Topic(
        name=instagram_feed_failed.EVENT_TYPE,
        direction="out",
        operation="sendInstagramFeedFailed",
        summary="No post can be written for an overlay, and why.",
        key=_OVERLAY_KEY,
        value=instagram_feed_failed.EVENT_TYPE,
        headers="outgoing.headers",
    ),
    _Topic(
        name=feed_outcome.EVENT_TYPE,
        direction="in",
        operation="receiveInstagramFeedOutcome",
        summary="What became of a post, one figure at a time. Plain JSON.",
        key=_ANY_KEY,
        value=feed_outcome.EVENT_TYPE,
        headers="incoming.headers",
    ),
    _Topic(
        name=DEAD_LETTER,
        direction="out",
        operation="sendDeadLetter",
        summary="A record that led to no post: the original byte for byte, the reason in added headers.",
        key=_ORIGINAL_KEY,
        value=None,
        headers=f"{DEAD_LETTER}.headers",
        headers_example=examples.dead_letter_headers(),
    ),
)


def asyncapi_document(contracts: Iterable[Contract]) -> dict[str, Any]:
    """Return the document for these schemas, as from `contracts()`."""
    by_name = {contract.name: contract for contract in contracts}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": "urn:instagram-feed:consumer",
        "info": {"title": "instagram-feed-consumer", "version": CONTRACT_VERSION, "description": _INTRODUCTION},
        "defaultContentType": "application/json",
        "channels": {topic.component: _channel(topic) for topic in _TOPICS},
        "operations": {topic.operation: _operation(topic) for topic in _TOPICS},
        "components": {
            "messages": {topic.component: _message(topic, by_name) for topic in _TOPICS},
            "schemas": _component_schemas(by_name.values()),
        },
    }


def _channel(topic: _Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.summary,
        "messages": {topic.component: {"$ref": f"#/components/messages/{topic.component}"}},
    }


def _operation(topic: _Topic) -> dict[str, Any]:
    channel = f"#/channels/{topic.component}"
    return {
        "action": "receive" if topic.direction == "in" else "send",
        "channel": {"$ref": channel},
        "summary": topic.summary,
        "messages": [{"$ref": f"{channel}/messages/{topic.component}"}],
    }


def _message(topic: _Topic, contracts: Mapping[str, Contract]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": topic.name,
        "title": topic.name,
        "summary": topic.summary,
        "contentType": "application/json" if topic.value else "application/octet-stream",
        "headers": _reference(topic.headers),
        "bindings": {"kafka": {"key": dict(topic.key), "bindingVersion": "0.5.0"}},
    }
    if topic.value:
        message["payload"] = _reference(topic.value)
        message["examples"] = [_example(topic, contracts[topic.value])]
    return message


def _example(topic: _Topic, value: Contract) -> dict[str, Any]:
    headers = {"headers": dict(topic.headers_example)} if topic.headers_example else {}
    return {**headers, "payload": value.schema["examples"][0]}


def _component_schemas(contracts: Iterable[Contract]) -> dict[str, Any]:
    """Return every schema and its definitions side by side, as needed by references within the document."""
    schemas: dict[str, Any] = {}
    for contract in contracts:
        body = {name: part for name, part in contract.schema.items() if name not in {"$schema", "$id", "$defs"}}
        schemas[_component(contract.name)] = _moved(body)
        schemas |= {name: _moved(part) for name, part in contract.schema.get("$defs", {}).items()}
    return dict(sorted(schemas.items()))


def _moved(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Point references at the components."""
    match schema:
        case {"$ref": str() as reference, **others}:
            return {"$ref": reference.replace("#/$defs/", "#/components/schemas/"), **others}
        case dict():
            return {name: _moved(part) for name, part in schema.items()}
        case list():
            return [_moved(part) for part in schema]
    return schema


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_component(schema)}"}


def _component(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.replace(".", "_").split("_"))
