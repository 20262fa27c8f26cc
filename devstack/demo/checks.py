"""Checks of the demo's results. Pure."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from devstack.demo.evidence import Evidence
from devstack.demo.samples import SampleEvents
from repository.operations.feed_queries import StoredFeed
from schemas.record import SourceRecord


class Check(NamedTuple):
    """A condition, and what was found."""

    claim: str
    holds: bool
    found: str


def check_all(evidence: Evidence, samples: SampleEvents) -> list[Check]:
    """Compare everything with the sample events."""
    return [
        *_posts(evidence, samples),
        *_duplicates(evidence, samples),
        *_created(evidence),
        *_letters(evidence, samples),
    ]


def _posts(evidence: Evidence, samples: SampleEvents) -> Iterator[Check]:
    overlays = [feed.overlay_id for feed in evidence.feeds]
    yield Check(
        f"one post for each of the {len(samples.overlays)} overlays",
        sorted(map(str, overlays)) == sorted(map(str, samples.overlays)),
        f"{len(overlays)} posts of {len(set(overlays))} overlays",
    )


def _duplicates(evidence: Evidence, samples: SampleEvents) -> Iterator[Check]:
    calls = sum(feed.llm_calls or 0 for feed in evidence.feeds)
    billed = calls if evidence.billed_calls is None else evidence.billed_calls
    yield Check(
        f"the {samples.duplicates} duplicates cost no LLM call",
        evidence.progress.duplicate == samples.duplicates and billed == calls,
        f"{evidence.progress.duplicate} recognized; {billed} billed calls, {calls} for the posts",
    )


def _created(evidence: Evidence) -> Iterator[Check]:
    announced = sorted(_told_by_event(record) for record in evidence.created)
    stored = sorted(_told_by_row(feed) for feed in evidence.feeds)
    yield Check(
        "one created event for each post, with the same content",
        announced == stored,
        f"{len(announced)} events, {len(stored)} posts",
    )


def _told_by_event(record: SourceRecord) -> tuple[str, ...]:
    event = json.loads(record.value or b"{}")
    metrics = event["metrics"]
    told = (
        event["instagram_feed_id"],
        event["overlay_id"],
        event["tenant_id"],
        event["instagram_ad_copy"],
        event["hashtags"],
        metrics["total_tokens"],
        metrics["llm_calls"],
    )
    return tuple(map(str, told))


def _told_by_row(feed: StoredFeed) -> tuple[str, ...]:
    told = (
        feed.instagram_feed_id,
        feed.overlay_id,
        feed.tenant_id,
        feed.instagram_ad_copy,
        feed.hashtags,
        feed.total_tokens,
        feed.llm_calls,
    )
    return tuple(map(str, told))


def _letters(evidence: Evidence, samples: SampleEvents) -> Iterator[Check]:
    reasons = [dict(record.headers).get("dlq_reason") for record in evidence.dead_letters]
    yield Check(
        "the malformed event is a dead letter with its reason, byte for byte",
        tuple(record.value for record in evidence.dead_letters) == samples.malformed
        and reasons == [b"invalid_event"] * len(samples.malformed),
        f"dead letters: {len(evidence.dead_letters)}",
    )
