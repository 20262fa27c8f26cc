"""Which changes of a schema break those who write or read by it."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.contracts.compatibility import incompatibilities
from schemas.contracts.json_schemas import Direction, contracts

OLD: dict[str, Any] = {
    "type": "object",
    "$defs": {"Cost": {"type": "object", "properties": {"usd": {"type": "string"}}, "required": ["usd"]}},
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^a"},
        "revision": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["a", "b"], "type": "string"},
        "cost": {"anyOf": [{"$ref": "#/$defs/Cost"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "cost"],
}
ADDED = {"type": "string"}


def changed(path: str, value: object) -> dict[str, Any]:
    """The old schema with one place set to something else, or left out (`...`)."""
    schema = deepcopy(OLD)
    *steps, last = path.split("/")
    place: Any = schema
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return schema


@pytest.mark.parametrize(
    ("path", "value", "for_writers", "for_readers"),
    [
        ("properties/name", ..., "name is gone", "name is gone"),
        ("properties/revision", ..., "revision is gone", "revision is gone"),
        ("properties/added", ADDED, None, None),
        ("required", ["name", "cost", "revision"], "revision is required now", None),
        ("required", ["name"], None, "cost may be missing now"),
        ("properties/name/maxLength", 9, "name takes less", "name takes less"),
        ("properties/name/maxLength", 11, None, "name may hold more"),
        ("properties/name/maxLength", ..., None, "name may hold more"),
        ("properties/name/minLength", 2, "name takes less", "name takes less"),
        ("properties/name/pattern", "^b", "name takes less", "name takes less"),
        ("properties/name/pattern", ..., None, "name may hold more"),
        ("properties/name/format", "uuid", "name takes less", "name takes less"),
        ("properties/name/type", "integer", "name may not be string any more", "name may now be integer, too"),
        ("properties/name/type", ["string", "null"], None, "name may now be null, too"),
        ("properties/kind/enum", ["a"], "kind takes less", "kind takes less"),
        ("properties/kind/enum", ["a", "b", "c"], None, "kind may hold more"),
        ("properties/kind/const", "a", "kind takes less", "kind takes less"),
        ("properties/cost/anyOf", [{"type": "null"}], "cost may not be object any more", "cost may not be object"),
        ("$defs/Cost/properties/usd", ..., "cost.usd is gone", "cost.usd is gone"),
        ("$defs/Cost/properties/usd/type", "number", "cost.usd may not be string", "cost.usd may now be number"),
        ("properties/tags/items/type", "integer", "tags[] may not be string", "tags[] may now be integer"),
        ("additionalProperties", False, "value takes less", "value takes less"),
        ("properties/name/description", "in other words", None, None),
        ("title", "another", None, None),
        ("anyOf", [{"required": ["name"]}, {"required": ["kind"]}], "value takes less", "value takes less"),
    ],
)
def test_a_change_is_told_to_those_whom_it_breaks(
    path: str, value: object, for_writers: str | None, for_readers: str | None
) -> None:
    new = changed(path, value)
    for expected, problems in (
        (for_writers, incompatibilities(OLD, new, "in")),
        (for_readers, incompatibilities(OLD, new, "out")),
    ):
        assert bool(problems) is (expected is not None), problems
        if expected:
            assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize("direction", ["in", "out"])
def test_the_contracts_of_today_may_take_their_own_place(direction: Direction) -> None:
    for contract in contracts():
        assert incompatibilities(contract.schema, contract.schema, direction) == []


scalars = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "maxLength": 2},
        {"type": "string", "minLength": 1},
        {"type": "integer"},
        {"type": "integer", "minimum": 1},
        {"type": "null"},
        {"const": "a", "type": "string"},
        {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "null"}]},
    ]
)
objects = st.dictionaries(st.sampled_from("ab"), scalars).flatmap(
    lambda properties: st.sets(st.sampled_from(sorted(properties)) if properties else st.nothing()).map(
        lambda required: {"type": "object", "properties": properties, "required": sorted(required)}
    )
)
values = st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(-2, 2) | st.sampled_from(["", "a", "aaa"]))


@given(objects, objects, values)
def test_what_an_old_producer_writes_is_valid_after_any_change_that_is_let_through(
    old: dict[str, Any], new: dict[str, Any], value: dict[str, Any]
) -> None:
    written = {name: part for name, part in value.items() if name in old["properties"]}
    if incompatibilities(old, new, "in") == [] and Draft202012Validator(old).is_valid(written):
        Draft202012Validator(new).validate(written)


@given(objects, objects, values)
def test_what_is_written_later_is_valid_for_an_old_reader_after_any_change_that_is_let_through(
    old: dict[str, Any], new: dict[str, Any], value: dict[str, Any]
) -> None:
    written = {name: part for name, part in value.items() if name in new["properties"]}
    if incompatibilities(old, new, "out") == [] and Draft202012Validator(new).is_valid(written):
        Draft202012Validator(old).validate(written)
