"""The schemas say what is really sent and read: their examples, and events that nobody chose."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.contracts import examples
from schemas.contracts.asyncapi import FILE_NAME
from schemas.contracts.json_schemas import Contract, contracts
from schemas.dead_letter import cut_dead_letter, dead_letter
from schemas.event_source import EventSource
from schemas.feed_outcome import decode_feed_outcome
from schemas.instagram_feed_created import ExperimentArm, FeedMetrics, InstagramFeedCreated, LlmUsed, Publishing
from schemas.instagram_feed_failed import InstagramFeedFailed
from schemas.reasons import Reason
from schemas.record import OutgoingRecord, SourceRecord

CONTRACTS = {contract.name: contract for contract in contracts()}
MAX_BYTES = 262_144

moments = st.datetimes(timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]))
counts = st.integers(min_value=0, max_value=2**31 - 1)
amounts = st.decimals(min_value=0, max_value=10**9, allow_nan=False, places=8)
numbers = st.floats(min_value=0, max_value=1e9)
sources = st.builds(EventSource, event_id=texts, topic=texts, partition=counts, offset=counts)
created_events = st.builds(
    InstagramFeedCreated,
    event_id=st.uuids(),
    occurred_at=moments,
    instagram_feed_id=st.uuids(),
    tenant_id=texts,
    job_id=st.none() | st.uuids(),
    overlay_id=st.uuids(),
    revision=counts,
    instagram_ad_copy=texts,
    hashtags=texts,
    llm=st.builds(
        LlmUsed,
        llm_model_id=st.uuids(),
        provider=texts,
        model_name=texts,
        model_version=st.none() | texts,
        used_temperature=st.none() | numbers,
        used_max_tokens=st.none() | counts,
        prompt_version=texts,
    ),
    metrics=st.builds(
        FeedMetrics,
        latency_ms=st.none() | numbers,
        prompt_tokens=st.none() | counts,
        completion_tokens=st.none() | counts,
        total_tokens=st.none() | counts,
        cached_prompt_tokens=st.none() | counts,
        cost_usd=st.none() | amounts,
        llm_calls=counts,
        end_to_end_ms=st.none() | numbers,
    ),
    experiment=st.none() | st.builds(ExperimentArm, experiment_id=st.uuids(), name=texts, variant=texts),
    source=sources,
    publishing=st.builds(Publishing, caption=texts, hashtag_count=counts, utf16_length=counts),
)
failed_events = st.builds(
    InstagramFeedFailed,
    event_id=st.uuids(),
    occurred_at=moments,
    tenant_id=texts,
    job_id=st.none() | st.uuids(),
    overlay_id=st.uuids(),
    revision=counts,
    reason=st.sampled_from(Reason),
    detail=texts,
    attempts=counts,
    prompt_tokens=st.none() | counts,
    completion_tokens=st.none() | counts,
    total_tokens=st.none() | counts,
    cost_usd=st.none() | amounts,
    llm_calls=counts,
    source=sources,
)
VALIDATORS = {
    name: Draft202012Validator(contract.schema, format_checker=FormatChecker()) for name, contract in CONTRACTS.items()
}


def record(value: bytes) -> SourceRecord:
    return SourceRecord("overlay.completed", 0, 7, 1_793_502_000_000, None, value, ())


def text_of(letter: OutgoingRecord) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in letter.headers}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_each_schema_is_one_by_its_own_standard_and_takes_its_example(contract: Contract) -> None:
    Draft202012Validator.check_schema(contract.schema)
    for example in contract.schema["examples"]:
        VALIDATORS[contract.name].validate(example)


@given(created_events)
def test_whatever_created_event_is_written_the_schema_takes_it(event: InstagramFeedCreated) -> None:
    VALIDATORS["instagram_feed.created"].validate(json.loads(event.encode()))


@given(failed_events)
def test_whatever_failed_event_is_written_the_schema_takes_it(event: InstagramFeedFailed) -> None:
    VALIDATORS["instagram_feed.failed"].validate(json.loads(event.encode()))


@pytest.mark.parametrize("name", ["instagram_feed.created", "instagram_feed.failed"])
def test_the_schema_of_an_output_names_every_field_that_is_written_and_no_other(name: str) -> None:
    schema = CONTRACTS[name].schema

    assert list(schema["properties"]) == list(schema["examples"][0]) == schema["required"]


@given(st.data())
def test_what_the_schema_takes_is_read(data: st.DataObject) -> None:
    event = dict(examples.OVERLAY_COMPLETED)
    for field in data.draw(st.sets(st.sampled_from(sorted(event)))):
        event[field] = data.draw(st.none() | st.text(max_size=3) | st.integers() | st.just(event[field]), label=field)
    taken = VALIDATORS["overlay.completed"].is_valid(event)

    try:
        decode_overlay_completed(record(json.dumps(event).encode()), max_event_bytes=MAX_BYTES)
    except (InvalidEvent, IgnoredEvent):
        assert not taken
    else:
        assert taken or "" in event.values()  # read as absent, which the contract does not promise


@pytest.mark.parametrize(
    "changes",
    [
        {"instagram_feed_id": ...},
        {"instagram_feed_id": None},
        {"metric": "Likes"},
        {"value": "128"},
        {"occurred_at": "yesterday"},
        {"revision": 0},
        {"instagram_feed_id": ..., "overlay_id": str(UUID(int=1)), "revision": 2, "published_at": None},
        {"unknown": 1},
    ],
)
def test_the_schema_takes_the_outcomes_that_are_read(changes: dict[str, Any]) -> None:
    changed = {**examples.FEED_OUTCOME, **changes}
    outcome = {name: value for name, value in changed.items() if value is not ...}
    try:
        decode_feed_outcome(json.dumps(outcome).encode(), max_event_bytes=MAX_BYTES)
        is_read = True
    except InvalidEvent:
        is_read = False

    assert VALIDATORS["instagram_feed.outcome"].is_valid(outcome) is is_read


@given(st.binary(max_size=20_000), st.sampled_from(Reason), texts, moments)
def test_the_headers_of_every_dead_letter_are_as_described(
    value: bytes, reason: Reason, detail: str, failed_at: datetime
) -> None:
    letter = dead_letter(
        record(value), topic="dlq", reason=reason, detail=detail, stage="intake", attempts=0, failed_at=failed_at
    )

    for whole_or_cut in (letter, cut_dead_letter(letter, most_bytes=4_096)):
        VALIDATORS["overlay.completed.dlq.headers"].validate(text_of(whole_or_cut))


def test_a_missing_field_and_a_wrong_one_are_refused() -> None:
    event = json.loads(replace(examples.CREATED, metrics=replace(examples.CREATED.metrics, cost_usd=None)).encode())
    VALIDATORS["instagram_feed.created"].validate(event)

    assert not VALIDATORS["instagram_feed.created"].is_valid({**event, "revision": "1"})
    del event["publishing"]
    assert not VALIDATORS["instagram_feed.created"].is_valid(event)


def test_an_amount_of_money_is_described_as_it_is_written() -> None:
    tiny = replace(examples.FAILED, cost_usd=Decimal("1E-9"))

    VALIDATORS["instagram_feed.failed"].validate(json.loads(tiny.encode()))


def test_the_package_has_the_files_with_it() -> None:
    folder = Path(examples.__file__).parent

    assert {path.name for path in folder.glob("*.json")} == {FILE_NAME, *(c.file_name for c in CONTRACTS.values())}
