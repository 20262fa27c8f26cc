"""Rescuing paid results: at shutdown into the spool if they cannot be stored, at startup out of it first."""

from collections.abc import Sequence

import structlog

from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.outcome_store import postponement_of
from consumer.pipeline.outcomes import Held, Outcome, Rejected, RetryLater, Written, unwritten
from consumer.pipeline.result_spool import ResultSpool, SpooledResult
from consumer.pipeline.retry import TryAgain
from consumer.pipeline.unused_calls import superseded_call
from repository.errors import StoreError, StoreUnavailable
from repository.feeds import fail, store
from repository.llm_calls import keep_superseded
from repository.pool import Connection, Pool, connection
from repository.requests import ClaimedRequest, postpone

log = structlog.get_logger()

ANY_RELAY_S = 0.0


def rescue(outcomes: Sequence[Outcome], feed_events: FeedEventBuilder, spool: ResultSpool) -> list[ClaimedRequest]:
    """Write outcomes to the spool. Returns the requests whose result is safe; losses are logged."""
    if not outcomes:
        return []
    results = [_spooled(outcome, feed_events) for outcome in outcomes]
    try:
        without_room = spool.add(results)
    except OSError as error:
        log.error("spool.not_written", error=f"{type(error).__name__}: {error.strerror}")  # noqa: TRY400 - the line says it all
        without_room = results
    lost = {id(result) for result in without_room}
    for outcome, result in zip(outcomes, results, strict=True):
        if id(result) in lost:
            _tell_lost(outcome)
    safe = [outcome.request for outcome, result in zip(outcomes, results, strict=True) if id(result) not in lost]
    if safe:
        log.warning("spool.written", results=len(safe), file=str(spool.path))
    return safe


async def store_spooled(pool: Pool, spool: ResultSpool, *, ensure_references: bool) -> int:
    """Store what an earlier process left in the spool. Returns the number of results.

    A result that came second is dropped, but its call, and so its cost, is kept. What cannot be stored now stays in
    the file.

    Raises:
        StoreUnavailable: the rest stays in the file.
        OSError: the file exists but cannot be read.
    """
    stored = 0
    with spool.taken() as results:
        for result in list(results):
            try:
                async with connection(pool) as borrowed:
                    await _store(borrowed, result, ensure_references=ensure_references)
            except StoreUnavailable:
                raise
            except StoreError as error:
                log.warning("spool.not_stored", error=str(error))
                continue
            results.remove(result)
            stored += 1
    if stored:
        log.info("spool.stored", results=stored)
    return stored


def _spooled(outcome: Outcome, feed_events: FeedEventBuilder) -> SpooledResult:
    match outcome:
        case Written():
            return SpooledResult(feed=feed_events.feed(outcome), call=superseded_call(outcome))
        case RetryLater():
            return SpooledResult(postponement=postponement_of(outcome))
        case Held(request=request, usage=usage, reason=reason, detail=detail):
            # if its budget is still spent, the next attempt holds it again
            waiting = unwritten(request, usage, TryAgain(0.0, request.attempts), reason=reason, detail=detail)
            return _spooled(waiting, feed_events)
        case Rejected():
            return SpooledResult(failure=feed_events.failure(outcome))


async def _store(borrowed: Connection, result: SpooledResult, *, ensure_references: bool) -> None:
    if result.postponement is not None:
        await postpone(borrowed, [result.postponement])
    if result.failure is not None:
        await fail(borrowed, [result.failure], relay_lease_s=ANY_RELAY_S)
    if result.feed is not None:
        feed = result.feed
        events = await store(borrowed, [feed], ensure_references=ensure_references, relay_lease_s=ANY_RELAY_S)
        if not events:
            await keep_superseded(borrowed, {feed.instagram_feed_id: result.call})


def _tell_lost(outcome: Outcome) -> None:
    spent = outcome.usage.spent
    log.error(
        "result.lost",
        overlay_id=str(outcome.request.overlay_id),
        revision=outcome.request.revision,
        llm_calls=outcome.usage.llm_calls,
        cost_usd=None if spent.cost_usd is None else f"{spent.cost_usd:f}",
    )
