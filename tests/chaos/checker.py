"""The checker: a pure function from what was observed to the invariants that do not hold."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

from tests.chaos.observations import (
    CommitSample,
    FeedRow,
    LlmCall,
    Lost,
    Observations,
    Probe,
    Published,
    RequestRow,
    Sent,
)
from tests.chaos.starvation import starved

Key = TypeVar("Key")
Item = TypeVar("Item")

MOST_FAILURES = 2
LONGEST_HOLD_S = 5.0
LONGEST_WAIT_S = 15.0
SERVERS_AWAY = {"kill_broker", "crash_postgres"}
LONGEST_DRAIN_S = 60.0
MOST_CALLS_AT_ONCE = 3  # the first, one with more room, a repair: told together when the handling ends
TIMEOUT_SHARE = 0.6  # a busy client's clock starts before the server's and stops after it

INVARIANTS: Mapping[int, str] = {
    1: "every acknowledged valid event ends as one row or one failed request",
    2: "at most one row per (overlay_id, revision), never changed afterwards",
    3: "every row has its created event, all copies identical; none without a row",
    4: "billed calls <= rows + retries allowed + calls in flight when disrupted",
    5: "every invalid event has a dead letter; poison holds nothing for 5 s",
    6: "no committed offset passes an event not accounted for",
    7: "everything drains within 60 s of the last fault",
    8: "no consumer ends by itself",
    9: "while processes live and the servers answer, no event waits 15 s to be taken in",
    10: "no committed offset jumps over deleted records unsaid",
    12: "no batch is submitted twice, or the second is known and cancelled",
    13: "no budget is overdrawn, and what is booked of it covers the provider's bill for live calls",
    14: "nobody is starved: no tenant waits longer than all do together, at the median and beyond 5 s",
    11: "the provider's bill is that of instagram_feeds and llm_calls, call by call",
}
"""What has to hold whatever happens. An event that the broker deleted unread, and that was told as lost, is over."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which an invariant does not hold."""

    invariant: int
    text: str


@dataclass(frozen=True, slots=True)
class Payments:
    """Billed calls, and what each may be billed for.

    `unexplained` are the overlays paid for more often than their row, the retry policy and the
    disruptions of processes that had them in flight account for, with the number of such calls.
    """

    billed: int
    rows: int
    retries: int
    in_flight: int
    unknown: int
    unexplained: Mapping[UUID, int]

    @property
    def paid_again(self) -> int:
        """Billed calls that neither a row nor the retry policy explains."""
        return max(0, self.billed - self.rows - self.retries)


def check(seen: Observations, *, llm_timeout_s: float) -> list[Violation]:
    """All violations, by invariant."""
    found: list[tuple[int, Iterator[str]]] = [
        (1, _unfinished(seen)),
        (2, _changed_rows(seen)),
        (3, _wrong_created_events(seen)),
        (4, _overpaid(seen, llm_timeout_s)),
        (5, _mishandled_poison(seen)),
        (6, (text for is_deleted, text in _passed_events(seen) if not is_deleted)),
        (7, _undrained(seen)),
        (8, iter(seen.unexpected_exits)),
        (9, _kept_waiting(seen)),
        (11, _wrong_bills(seen)),
        (12, _submitted_twice(seen)),
        (13, _overdrawn(seen)),
        (14, starved(seen.requests)),
        (10, (text for is_deleted, text in _passed_events(seen) if is_deleted)),
    ]
    return [Violation(invariant, text) for invariant, texts in found for text in texts]


def payments(seen: Observations, *, llm_timeout_s: float) -> Payments:
    """Account for the billed calls.

    A billed call whose answer was spoiled, lost or about as late as the client's timeout allows one more.
    """
    billed = [call for call in seen.calls if call.billed]
    good = Counter(call.overlay_id for call in billed if not _may_be_repeated(call, llm_timeout_s))
    stored = {row.overlay_id for row in seen.rows}
    disrupted = Counter(overlay_id for disruption in seen.disruptions for overlay_id in disruption.overlays)
    return Payments(
        billed=len(billed),
        rows=len(stored),
        retries=len(billed) - good.total(),
        in_flight=sum(disruption.in_flight for disruption in seen.disruptions),
        unknown=sum(disruption.unknown for disruption in seen.disruptions),
        unexplained=good - Counter(stored) - disrupted,
    )


def _may_be_repeated(call: LlmCall, llm_timeout_s: float) -> bool:
    late_s = llm_timeout_s * TIMEOUT_SHARE
    return bool(call.fault) or (call.duration_s or late_s) >= late_s


def holds_s(seen: Observations) -> list[float]:
    """For each probe that no fault touched: how long poison held up the event behind it, in s."""
    entered = {request.overlay_id: request.created_at_s for request in seen.requests}
    return [
        entered[probe.behind] - entered[probe.before]
        for probe in seen.probes
        if probe.behind in entered and probe.before in entered and _undisturbed(probe, entered[probe.behind], seen)
    ]


def _undisturbed(probe: Probe, until_s: float, seen: Observations) -> bool:
    return all(span.end_s < probe.sent_at_s or span.begin_s > until_s for span in seen.faults)


def _unfinished(seen: Observations) -> Iterator[str]:
    rows = Counter(row.overlay_id for row in seen.rows)
    requests: dict[UUID, list[RequestRow]] = _grouped(seen.requests, lambda request: request.overlay_id)
    failed_ids = _event_ids(seen, "failed")
    letters = _letters_by_origin(seen, stage="worker")
    originals = {record.position: record for record in seen.sent}
    read = [record for record in seen.sent if not _is_lost(record, seen.lost)]
    for overlay_id in dict.fromkeys(record.overlay_id for record in read if record.overlay_id):
        match [request.state for request in requests.get(overlay_id, ())], rows[overlay_id]:
            case ["done"], 1:
                continue
            case ["failed"], 0:
                request = requests[overlay_id][0]
                # one that was put back with others, for a fault that seemed to be everybody's, may fail a second time
                if not 1 <= len(failed_ids.get(overlay_id, ())) <= MOST_FAILURES:
                    yield f"{overlay_id} failed with {len(failed_ids.get(overlay_id, ()))} failed events"
                position = request.partition, request.offset
                yield from _letter_problems(letters.get(position, ()), originals.get(position), str(overlay_id))
            case states, count:
                yield f"{overlay_id} has {count} rows and requests {states}"


def _letter_problems(letters: Collection[Published], original: Sent | None, what: str) -> Iterator[str]:
    if not letters:
        yield f"{what} has no dead letter"
    if original is None:  # written, but not acknowledged: not known to the observer
        return
    for letter in letters:
        if (letter.key, letter.value or b"") != (original.key, original.value or b""):
            yield f"the dead letter of {what} differs from the original"


def _changed_rows(seen: Observations) -> Iterator[str]:
    for identity, count in Counter((row.overlay_id, row.revision) for row in seen.rows).items():
        if count > 1:
            yield f"{identity} has {count} rows"
    final: dict[UUID, FeedRow] = {row.instagram_feed_id: row for row in seen.rows}
    for earlier in {row for snapshot in seen.earlier_rows for row in snapshot}:
        now = final.get(earlier.instagram_feed_id)
        if now != earlier:
            yield f"row {earlier.instagram_feed_id} of {earlier.overlay_id} has {'changed' if now else 'gone'}"


def _wrong_created_events(seen: Observations) -> Iterator[str]:
    copies: dict[UUID, set[Published]] = defaultdict(set)
    for record in seen.published:
        if record.topic == "created":
            copies[UUID(json.loads(record.value or b"{}")["instagram_feed_id"])].add(record)
    feed_ids = {row.instagram_feed_id for row in seen.rows}
    for feed_id in feed_ids - copies.keys():
        yield f"row {feed_id} has no created event"
    for feed_id in copies.keys() - feed_ids:
        yield f"a created event names row {feed_id}, which does not exist"
    for feed_id, distinct in copies.items():
        if len(distinct) > 1:
            yield f"row {feed_id} has {len(distinct)} different created events"
    if seen.outbox_events:
        yield f"{seen.outbox_events} events are left in the outbox"


def _overpaid(seen: Observations, llm_timeout_s: float) -> Iterator[str]:
    paid = payments(seen, llm_timeout_s=llm_timeout_s)
    bound = paid.rows + paid.retries + paid.in_flight
    if paid.billed > bound:
        yield (
            f"{paid.billed} billed calls, {bound} accounted for: "
            f"{paid.rows} rows, {paid.retries} retries, {paid.in_flight} in flight"
        )
    elif sum(paid.unexplained.values()) > paid.unknown:
        # within the bound as a sum, but not for the overlays that were in flight
        yield f"paid again without cause: {', '.join(map(str, paid.unexplained))}"


def _wrong_bills(seen: Observations) -> Iterator[str]:
    """A billed call may have no row of its size only where a row says that it does not know, or a process was lost."""
    billed: dict[UUID, Counter[int]] = defaultdict(Counter)
    told: dict[UUID, Counter[int]] = defaultdict(Counter)
    unknown: Counter[UUID] = Counter()
    for call in seen.calls:
        if call.billed and call.tokens:
            billed[call.overlay_id][call.tokens] += 1
    for row in seen.paid:
        if row.tokens is None:
            unknown[row.overlay_id] += 1
        else:
            told[row.overlay_id][row.tokens] += 1
    disrupted = Counter(overlay_id for disruption in seen.disruptions for overlay_id in disruption.overlays)
    spare = sum(disruption.unknown for disruption in seen.disruptions)
    for overlay_id in billed.keys() | told.keys():
        invented = told[overlay_id] - billed[overlay_id]
        if invented:
            yield f"{overlay_id} has rows for calls of {sorted(invented.elements())} tokens that were never billed"
        untold = billed[overlay_id] - told[overlay_id]
        left = untold.total() - unknown[overlay_id] - MOST_CALLS_AT_ONCE * disrupted[overlay_id]
        spare -= max(0, left)
        if left > 0 and spare < 0:
            yield f"{overlay_id} was billed for calls of {sorted(untold.elements())} tokens that no row tells of"
    yield from _wrong_costs(seen)


def _wrong_costs(seen: Observations) -> Iterator[str]:
    """What rows say that a call cost is what a call of that overlay cost, to the last digit."""
    billed: dict[UUID, Counter[Decimal]] = defaultdict(Counter)
    told: dict[UUID, Counter[Decimal]] = defaultdict(Counter)
    for call in seen.calls:
        if call.billed:
            billed[call.overlay_id][call.cost_usd] += 1
    for row in seen.paid:
        if row.tokens is not None and row.cost_usd is not None:
            told[row.overlay_id][row.cost_usd] += 1
    for overlay_id, costs in told.items():
        if invented := costs - billed[overlay_id]:
            yield f"{overlay_id} has rows for USD {', '.join(map(str, sorted(invented)))} that were never billed"


def _overdrawn(seen: Observations) -> Iterator[str]:
    for sample in seen.budget_samples:
        if sample.booked > sample.limit:
            yield f"USD {sample.booked} were booked of a budget of {sample.limit}"
    billed = sum((call.cost_usd for call in seen.calls if call.billed and call.is_live), Decimal(0))
    if seen.budget_samples and billed > seen.budget_samples[-1].booked:
        yield f"USD {billed} were billed for live calls, {seen.budget_samples[-1].booked} are booked"


def _submitted_twice(seen: Observations) -> Iterator[str]:
    rows = {row.provider_batch_id: row for row in seen.batches}
    by_file = _grouped(seen.provider_batches, lambda batch: batch.input_file_id)
    for batch in seen.provider_batches:
        if batch.provider_batch_id not in rows:
            yield f"the provider has batch {batch.provider_batch_id}, of which nothing is known"
    for file_id, batches in by_file.items():
        known = [rows[one.provider_batch_id] for one in batches if one.provider_batch_id in rows]
        if sum(not row.is_second for row in known) > 1:
            yield f"file {file_id} was submitted {len(batches)} times"


def _mishandled_poison(seen: Observations) -> Iterator[str]:
    letters = _letters_by_origin(seen, stage="intake")
    for record in seen.sent:
        if record.overlay_id is None and not _is_lost(record, seen.lost):
            yield from _letter_problems(letters.get(record.position, ()), record, f"poison at {record.position}")
    holds = holds_s(seen)
    if not holds:
        yield "no probe shows how long poison holds its partition"
    for hold_s in holds:
        if hold_s > LONGEST_HOLD_S:
            yield f"poison held the event behind it for {hold_s:.1f} s"


def _passed_events(seen: Observations) -> Iterator[tuple[bool, str]]:
    """What offsets have passed that nobody accounts for, and whether the broker had deleted it."""
    if not seen.commits:
        yield False, "no committed offsets were read"
    passed = {problem: None for sample in seen.commits for problem in _passed_in(sample, seen)}
    yield from passed


def _passed_in(sample: CommitSample, seen: Observations) -> Iterator[tuple[bool, str]]:
    for record in seen.sent:
        if record.offset >= sample.committed.get(record.partition, 0) or _is_lost(record, sample.lost):
            continue
        if record.overlay_id not in sample.known_overlays and record.position not in sample.dead_positions:
            is_deleted = record.offset < seen.deleted.get(record.partition, 0)
            what = record.overlay_id or "poison"
            yield is_deleted, f"group {sample.group_id} committed past {record.position} ({what})"


def _is_lost(record: Sent, lost: Iterable[Lost]) -> bool:
    return any(one.holds(record.position) for one in lost)


def waits_s(seen: Observations) -> dict[UUID, float]:
    """How long each overlay waited to be taken in, without the time in which nobody could have.

    A copy that was deleted unread could not be taken in: the next one counts.
    """
    sent: dict[UUID, float] = {}
    for record in seen.sent:
        if record.overlay_id and not _is_lost(record, seen.lost):
            sent[record.overlay_id] = min(record.sent_at_s, sent.get(record.overlay_id, record.sent_at_s))
    entered: dict[UUID, float] = {}
    for request in seen.requests:
        entered[request.overlay_id] = min(request.created_at_s, entered.get(request.overlay_id, request.created_at_s))
    unable = _unable(seen)
    return {
        overlay_id: entered[overlay_id] - at_s - _overlap_s(at_s, entered[overlay_id], unable)
        for overlay_id, at_s in sent.items()
        if overlay_id in entered
    }


def _unable(seen: Observations) -> list[tuple[float, float]]:
    """When nobody could take in: a server was away or had just come back, or a process that lives said it could not.

    Merged, in order.
    """
    spans = [(span.begin_s, span.end_s) for span in seen.faults if span.kind in SERVERS_AWAY]
    for earlier, later in pairwise(seen.able):
        if not (earlier.is_able and later.is_able):
            spans.append((earlier.at_s, later.at_s))
    merged: list[tuple[float, float]] = []
    for begin_s, end_s in sorted(spans):
        if merged and begin_s <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end_s, merged[-1][1])
        else:
            merged.append((begin_s, end_s))
    return merged


def _overlap_s(begin_s: float, end_s: float, spans: Iterable[tuple[float, float]]) -> float:
    return sum(max(0.0, min(end_s, end) - max(begin_s, begin)) for begin, end in spans)


def _kept_waiting(seen: Observations) -> Iterator[str]:
    for overlay_id, wait_s in waits_s(seen).items():
        if wait_s > LONGEST_WAIT_S:
            yield f"{overlay_id} waited {wait_s:.1f} s to be taken in"


def _undrained(seen: Observations) -> Iterator[str]:
    if seen.drained_after_s is None:
        yield "the observers gave up waiting for the end"
    elif seen.drained_after_s > LONGEST_DRAIN_S:
        yield f"drained {seen.drained_after_s:.1f} s after the last fault"


def _event_ids(seen: Observations, topic: str) -> dict[UUID, set[str]]:
    ids: dict[UUID, set[str]] = defaultdict(set)
    for record in seen.published:
        if record.topic == topic:
            event = json.loads(record.value or b"{}")
            ids[UUID(event["overlay_id"])].add(event["event_id"])
    return ids


def _letters_by_origin(seen: Observations, *, stage: str) -> dict[tuple[int, int], list[Published]]:
    letters = (record for record in seen.published if record.topic == "dead_letter")
    return _grouped((letter for letter in letters if letter.header("dlq_stage") == stage), lambda letter: letter.origin)


def _grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
