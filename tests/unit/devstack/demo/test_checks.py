"""The demo's checks find what is missing, doubled or changed."""

import json
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from consumer.telemetry.metrics import Metrics
from devstack.demo.checks import check_all
from devstack.demo.evidence import Evidence
from devstack.demo.processes import CREATED_TOPIC, Progress, read_progress
from devstack.demo.samples import read_sample_events
from repository.operations.feed_queries import StoredFeed
from schemas.record import SourceRecord
from tests.support.examples import stored_feed

SAMPLES = read_sample_events()


def stored_feed_of(overlay_number: int) -> StoredFeed:
    return stored_feed(overlay_id=SAMPLES.overlays[overlay_number], tenant_id="tenant-daseon-tea")


def created_record(feed: StoredFeed) -> SourceRecord:
    event = {
        "instagram_feed_id": str(feed.instagram_feed_id),
        "overlay_id": str(feed.overlay_id),
        "tenant_id": feed.tenant_id,
        "instagram_ad_copy": feed.instagram_ad_copy,
        "hashtags": feed.hashtags,
        "metrics": {"total_tokens": feed.total_tokens, "llm_calls": feed.llm_calls},
    }
    return SourceRecord("instagram_feed.created", 0, 0, 0, None, json.dumps(event).encode(), ())


def letter(value: bytes, reason: bytes = b"invalid_event") -> SourceRecord:
    return SourceRecord("overlay.completed.dlq", 0, 0, 0, None, value, (("dlq_reason", reason),))


FEEDS = tuple(stored_feed_of(number) for number in range(len(SAMPLES.overlays)))
CREATED = tuple(map(created_record, FEEDS))
GOOD = Evidence(
    feeds=FEEDS,
    created=CREATED,
    dead_letters=tuple(map(letter, SAMPLES.malformed)),
    billed_calls=len(FEEDS),
    progress=Progress(new=len(FEEDS), duplicate=SAMPLES.duplicates, stored=len(FEEDS), invalid=1),
)


def failing(evidence: Evidence) -> int:
    return sum(not check.holds for check in check_all(evidence, SAMPLES))


def test_the_samples_have_twenty_lines_with_duplicates_and_a_malformed_one() -> None:
    assert (len(SAMPLES.lines), len(SAMPLES.overlays), SAMPLES.duplicates, len(SAMPLES.malformed)) == (20, 16, 3, 1)


def test_nothing_fails_when_all_is_there_once() -> None:
    assert failing(GOOD) == 0
    assert failing(replace(GOOD, billed_calls=None)) == 0


@pytest.mark.parametrize(
    "spoiled",
    [
        replace(GOOD, feeds=FEEDS[1:], created=CREATED[1:], billed_calls=len(FEEDS) - 1),
        replace(GOOD, billed_calls=len(FEEDS) + 1),
        replace(GOOD, progress=replace(GOOD.progress, duplicate=2)),
        replace(GOOD, created=CREATED[1:]),
        replace(GOOD, created=(*CREATED, CREATED[0])),
        replace(GOOD, created=(created_record(replace(FEEDS[0], hashtags="#other")), *CREATED[1:])),
        replace(GOOD, dead_letters=()),
        replace(GOOD, dead_letters=(letter(SAMPLES.malformed[0] + b" "),)),
        replace(GOOD, dead_letters=(letter(SAMPLES.malformed[0], b"llm_refused"),)),
    ],
    ids=[
        "a post is missing",
        "a call too many was billed",
        "a duplicate was not recognized",
        "an event is missing",
        "an event came twice",
        "an event differs from its row",
        "the dead letter is missing",
        "the dead letter was changed",
        "the dead letter has another reason",
    ],
)
def test_each_violation_fails_its_check(spoiled: Evidence) -> None:
    assert failing(spoiled) == 1


def test_a_run_is_complete_when_every_record_is_read_and_each_new_one_has_its_event() -> None:
    done = Progress(new=16, duplicate=3, invalid=1, stored=16, published=16)

    assert done.is_complete(20)
    assert not done.is_complete(21)
    assert not replace(done, published=15).is_complete(20)


def test_progress_is_read_from_the_consumers_metrics() -> None:
    metrics = Metrics()
    metrics.messaging.taken_in(claimed=16, duplicate=3, invalid=1, ignored=0)
    metrics.messaging.sent([(CREATED_TOPIC, ""), (CREATED_TOPIC, ""), (CREATED_TOPIC, "PublishFailed")], 0.1)
    exposition = generate_latest(metrics.registry).decode()

    assert read_progress(exposition) == Progress(new=16, duplicate=3, invalid=1, published=2)
