"""Records with `overlay.completed` in its three forms, and strategies for its fields."""

import json
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from schemas.record import Headers, SourceRecord

TEXT_FIELDS = ("refined_ad_copy_eng", "tone_style", "product_description", "store_information")
REQUIRED_FIELDS = ("tenant_id", "overlay_id", *TEXT_FIELDS)
OPTIONAL_FIELDS = ("event_id", "event_type", "occurred_at", "job_id", "gpt_prompt", "delivery")
OVERLAY_ID = UUID("9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa")
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def event_fields(**changes: object) -> dict[str, Any]:
    """All required fields and nothing else, then `changes`."""
    return {
        "tenant_id": "store-apparel-1",
        "overlay_id": str(OVERLAY_ID),
        "refined_ad_copy_eng": "Yellow Wool Jumper — warm and soft.",
        "tone_style": "발랄하고 유쾌한 말투",
        "product_description": "Knitted jumper in a soft wool blend.",
        "store_information": "오션앤코 성수점 · 매일 11:00–20:00",
        **changes,
    }


def record_of(value: bytes | None, headers: Headers = ()) -> SourceRecord:
    """A record at overlay.completed/3/41."""
    return SourceRecord("overlay.completed", 3, 41, 1_762_000_000_000, b"key", value, headers)


def plain(fields: dict[str, Any]) -> SourceRecord:
    """The event as plain JSON."""
    return record_of(json.dumps(fields).encode())


def structured(data: object, headers: Headers = STRUCTURED, **attributes: object) -> SourceRecord:
    """The event as `data` of a CloudEvents envelope."""
    envelope = {"specversion": "1.0", "id": "ce-1", "source": "/overlays", "type": "com.example.overlay.completed"}
    return record_of(json.dumps({**envelope, **attributes, "data": data}).encode(), headers)


def binary(fields: dict[str, Any], **attributes: bytes | None) -> SourceRecord:
    """The event as value, CloudEvents attributes in headers."""
    given: dict[str, bytes | None] = {"specversion": b"1.0", "id": b"ce-1", "type": b"overlay.completed", **attributes}
    return record_of(json.dumps(fields).encode(), tuple((f"ce_{name}", value) for name, value in given.items()))


# Whatever PostgreSQL stores as text: no NUL, no halves of surrogate pairs.
storable_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# Ids have no control characters either, and at least one that shows.
id_text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"],
    ),
    max_size=254,
).map("i".__add__)
required_text = storable_text.filter(bool) | st.integers(1, 20_000).map("a".__mul__)
moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | storable_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable_text, inner, max_size=3),
    max_leaves=8,
)
valid_fields = st.fixed_dictionaries(
    {
        "tenant_id": id_text,
        "overlay_id": st.uuids().map(str),
        **dict.fromkeys(TEXT_FIELDS, required_text),
    },
    optional={
        "event_id": id_text,
        "event_type": st.just("overlay.completed"),
        "occurred_at": moments,
        "job_id": st.none() | st.uuids().map(str),
        "gpt_prompt": storable_text,
    },
)
