"""The AsyncAPI document: complete, without a reference that leads nowhere, and with examples that are valid."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.contracts.asyncapi import asyncapi_document
from schemas.contracts.json_schemas import contracts

DOCUMENT = asyncapi_document(contracts())


def references(part: object) -> Iterator[str]:
    match part:
        case {"$ref": str() as reference}:
            yield reference
        case dict():
            for member in part.values():
                yield from references(member)
        case list():
            for member in part:
                yield from references(member)


def target(reference: str) -> object:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_to_something_within_the_document() -> None:
    all_references = set(references(DOCUMENT))

    assert len(all_references) > 10
    for reference in all_references:
        assert reference.startswith("#/")
        assert target(reference)


def test_there_is_a_channel_and_an_operation_for_every_topic() -> None:
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}

    assert addresses == {
        "overlay.completed",
        "overlay.completed.dlq",
        "instagram_feed.created",
        "instagram_feed.failed",
        "instagram_feed.outcome",
    }
    assert {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()} == {
        f"#/channels/{name}" for name in DOCUMENT["channels"]
    }


@pytest.mark.parametrize(
    "name", [name for name, message in DOCUMENT["components"]["messages"].items() if "payload" in message]
)
def test_the_examples_are_valid_where_the_document_has_their_schema(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]

    for example in message["examples"]:
        for part in example:
            schema = {**DOCUMENT, "$ref": message[part]["$ref"]}
            Draft202012Validator(schema).validate(example[part])
