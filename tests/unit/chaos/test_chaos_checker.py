"""The checker passes what is in order and finds each violation that is planted."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from tests.chaos.checker import Violation, check, holds_s, payments
from tests.chaos.observations import (
    AbleSample,
    BatchRow,
    BudgetSample,
    CommitSample,
    Disruption,
    FaultSpan,
    FeedRow,
    Headers,
    LlmCall,
    Lost,
    Observations,
    PaidRow,
    Probe,
    ProviderBatch,
    Published,
    RequestRow,
    Sent,
)

LLM_TIMEOUT_S = 3.0
STORED, FAILED, BEFORE, BEHIND = (UUID(int=number) for number in range(1, 5))
FEED = UUID(int=100)
NO_OVERLAY = UUID(int=404)


def published(topic: str, key: bytes, value: bytes, headers: Headers = ()) -> Published:
    return Published(topic, key, value, headers)  # type: ignore[arg-type]  # one of three words


def created(overlay_id: UUID, feed_id: UUID, text: str = "post") -> Published:
    event = {"instagram_feed_id": str(feed_id), "overlay_id": str(overlay_id), "instagram_ad_copy": text}
    return published("created", b"key", json.dumps(event).encode())


def failed(overlay_id: UUID, event_id: str = "f1") -> Published:
    return published("failed", b"key", json.dumps({"overlay_id": str(overlay_id), "event_id": event_id}).encode())


def letter(sent: Sent, stage: str) -> Published:
    headers = (
        ("dlq_stage", stage.encode()),
        ("dlq_original_partition", str(sent.partition).encode()),
        ("dlq_original_offset", str(sent.offset).encode()),
    )
    return Published("dead_letter", sent.key, sent.value, headers)


def row(overlay_id: UUID, feed_id: UUID, digest: str = "d") -> FeedRow:
    return FeedRow(feed_id, overlay_id, 1, digest)


GOOD = Sent(0, 0, b"k", b"good", STORED, sent_at_s=9.5)
REFUSED = Sent(0, 1, b"k", b"refused", FAILED, sent_at_s=9.5)
POISON = Sent(0, 3, b"k", None, None)
SENT = [
    GOOD,
    REFUSED,
    Sent(0, 2, b"k", b"before", BEFORE, sent_at_s=9.5),
    POISON,
    Sent(0, 4, b"k", b"behind", BEHIND, sent_at_s=9.5),
]
FEEDS = {STORED: FEED, BEFORE: UUID(int=101), BEHIND: UUID(int=102)}
ROWS = [row(overlay_id, feed_id) for overlay_id, feed_id in FEEDS.items()]
REFUSAL = LlmCall(FAILED, 1, billed=True, fault="refusal", duration_s=0.3)
CALLS = [LlmCall(overlay_id, 1, billed=True, fault=None, duration_s=0.3) for overlay_id in FEEDS]
KILL = Disruption("kill_consumer", frozenset({STORED}))
CLEAN = Observations(
    sent=SENT,
    calls=[*CALLS, REFUSAL],
    rows=ROWS,
    earlier_rows=[[], ROWS[:1]],
    requests=[
        RequestRow(STORED, 1, "done", 0, 0, 10.0),
        RequestRow(FAILED, 1, "failed", 0, 1, 10.1),
        RequestRow(BEFORE, 1, "done", 0, 2, 10.2),
        RequestRow(BEHIND, 1, "done", 0, 4, 10.7),
    ],
    outbox_events=0,
    published=[
        *(created(overlay_id, feed_id) for overlay_id, feed_id in FEEDS.items()),
        created(STORED, FEED),
        failed(FAILED),
        letter(REFUSED, "worker"),
        letter(POISON, "intake"),
    ],
    commits=[
        CommitSample("chaos", {0: 1}, frozenset({STORED}), frozenset()),
        CommitSample("chaos", {0: 5}, frozenset({STORED, FAILED, BEFORE, BEHIND}), frozenset({(0, 3)})),
    ],
    disruptions=[],
    faults=[FaultSpan("kill_broker", 1.0, 5.0)],
    probes=[Probe(0, BEFORE, BEHIND, sent_at_s=10.0)],
    drained_after_s=12.0,
)


def violations(seen: Observations) -> list[Violation]:
    return check(seen, llm_timeout_s=LLM_TIMEOUT_S)


def without(topic: str, stage: str = "") -> list[Published]:
    return [record for record in CLEAN.published if (record.topic, record.header("dlq_stage")) != (topic, stage)]


def with_state(overlay_id: UUID, state: str) -> list[RequestRow]:
    return [
        replace(request, state=state) if request.overlay_id == overlay_id else request for request in CLEAN.requests
    ]


def extra_calls(count: int) -> list[LlmCall]:
    return [replace(CALLS[0], attempt=2 + number) for number in range(count)]


PLANTED: dict[str, tuple[int, Observations]] = {
    "an acknowledged event is nowhere": (
        1,
        replace(CLEAN, sent=[*SENT, Sent(0, 9, b"k", b"lost", NO_OVERLAY)]),
    ),
    "a request is unfinished": (1, replace(CLEAN, requests=with_state(STORED, "waiting"))),
    "a request failed although a row is stored": (1, replace(CLEAN, requests=with_state(STORED, "failed"))),
    "a request is done without a row": (1, replace(CLEAN, requests=with_state(FAILED, "done"))),
    "a failed request has no failed event": (1, replace(CLEAN, published=without("failed"))),
    "a failed request has more failed events than being put back once explains": (
        1,
        replace(CLEAN, published=[*CLEAN.published, failed(FAILED, "f2"), failed(FAILED, "f3")]),
    ),
    "a failed request has no dead letter": (1, replace(CLEAN, published=without("dead_letter", "worker"))),
    "a failed request's dead letter has other bytes": (
        1,
        replace(
            CLEAN,
            published=[*without("dead_letter", "worker"), letter(replace(REFUSED, value=b"other"), "worker")],
        ),
    ),
    "a row has changed": (2, replace(CLEAN, earlier_rows=[[row(STORED, FEED, "earlier")]])),
    "a row has gone": (2, replace(CLEAN, earlier_rows=[[row(STORED, UUID(int=104))]])),
    "a row has no created event": (3, replace(CLEAN, published=without("created"))),
    "copies of a created event differ": (
        3,
        replace(CLEAN, published=[*CLEAN.published, created(STORED, FEED, "another post")]),
    ),
    "a created event has no row": (
        3,
        replace(CLEAN, published=[*CLEAN.published, created(STORED, UUID(int=105))]),
    ),
    "an event is left in the outbox": (3, replace(CLEAN, outbox_events=1)),
    "a call is paid twice": (4, replace(CLEAN, calls=[*CLEAN.calls, *extra_calls(1)])),
    "more is paid again than was in flight": (
        4,
        replace(CLEAN, calls=[*CLEAN.calls, *extra_calls(3)], disruptions=[KILL]),
    ),
    "another overlay is paid again than was in flight": (
        4,
        replace(
            CLEAN,
            calls=[*CLEAN.calls, *extra_calls(1)],
            disruptions=[Disruption("kill_consumer", frozenset({BEFORE, BEHIND}))],
        ),
    ),
    "poison has no dead letter": (5, replace(CLEAN, published=without("dead_letter", "intake"))),
    "poison's dead letter has another key": (
        5,
        replace(CLEAN, published=[*without("dead_letter", "intake"), letter(replace(POISON, key=b"other"), "intake")]),
    ),
    "poison held its partition": (
        5,
        replace(CLEAN, requests=[*CLEAN.requests[:3], RequestRow(BEHIND, 1, "done", 0, 4, 15.3)]),
    ),
    "no probe was in peace": (5, replace(CLEAN, faults=[FaultSpan("kill_broker", 10.1, 10.2)])),
    "an offset passes an event nobody knows": (
        6,
        replace(CLEAN, commits=[CommitSample("chaos", {0: 2}, frozenset({STORED}), frozenset())]),
    ),
    "an offset passes poison without a dead letter": (
        6,
        replace(
            CLEAN,
            commits=[CommitSample("chaos", {0: 5}, frozenset({STORED, FAILED, BEFORE, BEHIND}), frozenset())],
        ),
    ),
    "no offset was ever read": (6, replace(CLEAN, commits=[])),
    "draining takes too long": (7, replace(CLEAN, drained_after_s=60.1)),
    "it never drains": (7, replace(CLEAN, drained_after_s=None)),
    "an offset passes deleted records and nobody says so": (
        10,
        replace(
            CLEAN,
            sent=[*SENT, Sent(1, 0, b"k", b"deleted", None)],
            published=[*CLEAN.published, letter(Sent(1, 0, b"k", b"deleted", None), "intake")],
            deleted={1: 3},
            commits=[*CLEAN.commits, CommitSample("chaos", {1: 1}, frozenset(), frozenset())],
        ),
    ),
    "an event waited while all was well": (
        9,
        replace(CLEAN, sent=[replace(GOOD, sent_at_s=-6.0), *SENT[1:]], faults=[]),
    ),
    "a consumer crashed": (8, replace(CLEAN, unexpected_exits=["consumer 1 ended with code 1"])),
}


def test_clean_observations_pass() -> None:
    assert violations(CLEAN) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str) -> None:
    invariant, seen = PLANTED[name]
    assert {violation.invariant for violation in violations(seen)} == {invariant}


def test_two_rows_for_one_overlay_and_revision_break_the_first_two_invariants() -> None:
    second = UUID(int=103)
    twice = replace(CLEAN, rows=[*ROWS, row(STORED, second)], published=[*CLEAN.published, created(STORED, second)])
    assert {violation.invariant for violation in violations(twice)} == {1, 2}


ALLOWED: dict[str, Callable[[], Observations]] = {
    "a call paid again after a kill": lambda: replace(
        CLEAN, calls=[*CLEAN.calls, *extra_calls(2)], disruptions=[KILL, KILL]
    ),
    "a call paid again where nobody could say what was in flight": lambda: replace(
        CLEAN,
        calls=[*CLEAN.calls, *extra_calls(2)],
        disruptions=[Disruption("kill_consumer", frozenset(), unknown=2)],
    ),
    "a call paid again after a spoiled answer": lambda: replace(
        CLEAN, calls=[replace(CALLS[0], fault="truncated_body"), *extra_calls(1), *CLEAN.calls[1:]]
    ),
    "a call paid again after a timeout": lambda: replace(
        CLEAN, calls=[replace(CALLS[0], duration_s=2.9), *extra_calls(1), *CLEAN.calls[1:]]
    ),
    "calls that cost nothing": lambda: replace(
        CLEAN, calls=[*CLEAN.calls, *(replace(call, billed=False) for call in extra_calls(50))]
    ),
    "an event that was deleted unread, and told as lost": lambda: replace(
        CLEAN,
        sent=[*SENT, Sent(1, 0, b"k", b"deleted", NO_OVERLAY), Sent(1, 1, b"k", b"deleted", None)],
        lost=[Lost(1, 0, 2)],
        deleted={1: 2},
        commits=[*CLEAN.commits, CommitSample("chaos", {1: 2}, frozenset(), frozenset(), (Lost(1, 0, 2),))],
    ),
    "an event that was deleted unread and sent again": lambda: replace(
        CLEAN,
        sent=[Sent(1, 0, b"k", b"deleted", STORED, sent_at_s=-6.0), *SENT],
        faults=[],
        lost=[Lost(1, 0, 1)],
        deleted={1: 1},
    ),
    "an event that waited while a server was away": lambda: replace(
        CLEAN, sent=[replace(GOOD, sent_at_s=-6.0), *SENT[1:]], faults=[FaultSpan("crash_postgres", -5.0, -2.0)]
    ),
    "an event that waited while no process was able": lambda: replace(
        CLEAN,
        sent=[replace(GOOD, sent_at_s=-6.0), *SENT[1:]],
        able=[AbleSample(-5.5, is_able=False), AbleSample(-3.0, is_able=True)],
    ),
    "a dead letter sent twice": lambda: replace(CLEAN, published=[*CLEAN.published, letter(POISON, "intake")]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_is_no_violation(name: str) -> None:
    assert violations(ALLOWED[name]()) == []


def test_a_quick_call_answered_well_is_no_reason_to_call_again() -> None:
    lost = replace(CALLS[0], duration_s=0.4)
    seen = replace(CLEAN, calls=[lost, *extra_calls(1), *CLEAN.calls[1:]])
    assert payments(seen, llm_timeout_s=LLM_TIMEOUT_S).paid_again == 1


def test_the_hold_is_the_time_between_the_events_around_the_poison() -> None:
    assert holds_s(CLEAN) == [pytest.approx(0.5)]


USD = Decimal("0.000195")
BILLED = [replace(call, tokens=700, cost_usd=USD) for call in CALLS] + [replace(REFUSAL, tokens=510)]
PAID = [PaidRow(call.overlay_id, call.tokens, call.cost_usd) for call in BILLED]
BILL = replace(CLEAN, calls=BILLED, paid=PAID)
UNTOLD = replace(BILL, paid=PAID[:-1])


def test_a_bill_that_the_rows_tell_call_by_call_is_right() -> None:
    assert violations(BILL) == []


@pytest.mark.parametrize(
    "seen",
    [
        UNTOLD,
        replace(BILL, paid=[*PAID[:-1], PaidRow(FAILED, 511)]),
        replace(BILL, paid=[*PAID, PaidRow(FAILED, 510)]),
        replace(UNTOLD, paid=[*UNTOLD.paid, PaidRow(STORED, None)]),
        replace(BILL, paid=[replace(PAID[0], cost_usd=USD + Decimal("1e-9")), *PAID[1:]]),
    ],
    ids=[
        "a call without a row",
        "a row of another size",
        "a row twice",
        "another request's unknown call",
        "a cent off",
    ],
)
def test_a_bill_that_differs_from_the_rows_is_seen(seen: Observations) -> None:
    assert 11 in {violation.invariant for violation in violations(seen)}


def test_a_call_of_unknown_usage_and_one_of_a_process_that_was_killed_may_be_without_a_row_of_their_size() -> None:
    assert violations(replace(UNTOLD, paid=[*UNTOLD.paid, PaidRow(FAILED, None)])) == []
    assert violations(replace(UNTOLD, disruptions=[Disruption("kill_consumer", frozenset({FAILED}))])) == []


BATCH = ProviderBatch("batch_1", "file-1")
SECOND = ProviderBatch("batch_2", "file-1")


@pytest.mark.parametrize(
    ("told", "known", "count"),
    [
        ([BATCH], [BatchRow("batch_1", is_second=False), BatchRow(None, is_second=False)], 0),
        ([BATCH, SECOND], [BatchRow("batch_1", is_second=False), BatchRow("batch_2", is_second=True)], 0),
        ([BATCH, SECOND], [BatchRow("batch_1", is_second=False), BatchRow("batch_2", is_second=False)], 1),
        ([BATCH, SECOND], [BatchRow("batch_1", is_second=False)], 1),
    ],
)
def test_a_batch_that_is_submitted_twice_unknown_is_found(
    told: list[ProviderBatch], known: list[BatchRow], count: int
) -> None:
    found = check(replace(CLEAN, provider_batches=told, batches=known), llm_timeout_s=LLM_TIMEOUT_S)
    assert [violation.invariant for violation in found] == [12] * count


@pytest.mark.parametrize(
    ("booked", "limit", "count"), [("0.001", "0.001", 0), ("0.002", "1", 0), ("0.0009", "1", 1), ("0.002", "0.0019", 1)]
)
def test_a_budget_that_is_overdrawn_or_does_not_cover_the_bill_is_found(booked: str, limit: str, count: int) -> None:
    call = replace(CALLS[0], cost_usd=Decimal("0.001"))
    batched = replace(CALLS[1], cost_usd=Decimal(5), is_live=False)
    samples = [BudgetSample(Decimal(booked), Decimal(limit))]
    seen = replace(CLEAN, calls=[call, batched, *CALLS[2:], REFUSAL], budget_samples=samples)
    assert [violation.invariant for violation in violations(seen)] == [13] * count
