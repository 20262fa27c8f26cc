"""What a replay says to the database: said again, by one or by two, each statement adds nothing."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from repository.available_requests import claim_available
from repository.llm_models import LlmModel
from repository.operations.replay_requests import (
    OverlayStatus,
    enter_new,
    past_calls,
    republish,
    retry_in_replay,
    standings,
)
from repository.operations.replays import (
    PartitionRange,
    ReplayProgress,
    advance,
    begin_replay,
    mode_of,
    ranges_of,
    replay_progress,
)
from repository.pool import Pool, connection
from repository.requests import NewRequest
from tests.support.examples import new_request
from tests.support.ledger import LEASE_S, claim, count, ledger_row, reclaim, store_feeds
from tests.support.waiting import eventually

SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""
TWO_PARTITIONS = (PartitionRange(0, 5, 40, 5), PartitionRange(1, 0, 9, 0))


async def begun(pool: Pool, ranges: Sequence[PartitionRange] = TWO_PARTITIONS) -> UUID:
    """A replay that has read nothing yet."""
    replay_id = uuid4()
    async with connection(pool) as borrowed:
        await begin_replay(
            borrowed,
            replay_id,
            name="autumn",
            mode="missing",
            topic="archive",
            asked='{"from": "earliest"}',
            ranges=ranges,
        )
    return replay_id


async def enter(pool: Pool, requests: Sequence[NewRequest], replay_id: UUID) -> set[UUID]:
    async with connection(pool) as borrowed:
        return set(await enter_new(borrowed, requests, replay_id))


async def standing(pool: Pool, overlay_id: UUID, replay_id: UUID) -> OverlayStatus:
    async with connection(pool) as borrowed:
        return (await standings(borrowed, [overlay_id], replay_id))[overlay_id]


async def failed_request(pool: Pool) -> UUID:
    [request] = await claim(pool, [new_request()])
    await pool.execute(
        "UPDATE feed_requests SET state = 'failed', attempts = 5 WHERE overlay_id = $1", request.overlay_id
    )
    return request.overlay_id


async def test_a_new_overlay_waits_in_the_background_with_its_event(pool: Pool) -> None:
    request, replay_id = new_request(), uuid4()
    assert await enter(pool, [request], replay_id) == {request.overlay_id}

    row = await ledger_row(pool, request.overlay_id)
    assert (row["state"], row["origin"], row["background"], row["replay_id"]) == ("waiting", "replay", True, replay_id)
    assert await reclaim(pool) == []
    async with connection(pool) as borrowed:
        [taken] = await claim_available(borrowed, owner="process-2", lease_s=LEASE_S, limit=10, background=True)
    assert (taken.overlay_id, taken.source) == (request.overlay_id, request.source)


async def test_what_is_known_is_not_entered_again(pool: Pool) -> None:
    known, other = new_request(), new_request()
    await claim(pool, [known])
    assert await enter(pool, [known, other], uuid4()) == {other.overlay_id}
    assert await enter(pool, [known, other], uuid4()) == set()
    assert await count(pool, "feed_requests") == 2


async def test_two_that_enter_the_same_at_once_enter_each_once(pool: Pool) -> None:
    requests, replay_id = [new_request() for _ in range(200)], uuid4()
    one, two = await asyncio.gather(enter(pool, requests, replay_id), enter(pool, requests[::-1], replay_id))
    assert one | two == {request.overlay_id for request in requests}
    assert not one & two
    assert await count(pool, "feed_requests") == len(requests)


async def test_who_waits_for_another_to_enter_the_same_adds_nothing(pool: Pool) -> None:
    request, replay_id = new_request(), uuid4()
    async with connection(pool) as other:
        transaction = other.transaction()
        await transaction.start()
        await enter_new(other, [request], replay_id)
        second = asyncio.create_task(enter(pool, [request], replay_id))
        await eventually(lambda: pool.fetchval(SOMEBODY_WAITS))
        await transaction.commit()
    assert await second == set()


async def test_a_failed_request_is_tried_again_once_in_each_replay(pool: Pool) -> None:
    overlay_id, first = await failed_request(pool), uuid4()
    async with connection(pool) as borrowed:
        assert await retry_in_replay(borrowed, [overlay_id], first) == [overlay_id]
        row = await ledger_row(pool, overlay_id)
        assert (row["state"], row["attempts"], row["background"], row["replay_id"]) == ("waiting", 0, True, first)
        await pool.execute("UPDATE feed_requests SET state = 'failed'")
        assert await retry_in_replay(borrowed, [overlay_id], first) == []
        assert await retry_in_replay(borrowed, [overlay_id], uuid4()) == [overlay_id]


@pytest.mark.parametrize("state", ["claimed", "waiting", "done"])
async def test_a_request_that_has_not_failed_is_not_retried(pool: Pool, state: str) -> None:
    overlay_id = await failed_request(pool)
    await pool.execute("UPDATE feed_requests SET state = $1", state)
    async with connection(pool) as borrowed:
        assert await retry_in_replay(borrowed, [overlay_id], uuid4()) == []


async def test_a_failed_second_revision_is_no_missing_post(pool: Pool, model: LlmModel) -> None:
    [overlay_id] = await store_feeds(pool, model)
    await claim(pool, [new_request(overlay_id, revision=2)])
    await pool.execute("UPDATE feed_requests SET state = 'failed' WHERE revision = 2")
    async with connection(pool) as borrowed:
        assert await retry_in_replay(borrowed, [overlay_id], uuid4()) == []


async def test_events_are_sent_again_byte_for_byte_and_once_in_each_replay(pool: Pool, model: LlmModel) -> None:
    overlays, replay_id = await store_feeds(pool, model, 3), await begun(pool)
    await pool.execute("DELETE FROM outbox_events")
    feeds = {row["overlay_id"]: row for row in await pool.fetch("SELECT * FROM instagram_feeds")}
    feed_ids = [feeds[overlay_id]["instagram_feed_id"] for overlay_id in overlays]

    async def send(replay: UUID) -> int:
        async with connection(pool) as borrowed:
            return await republish(borrowed, feed_ids, replay, topic="created")

    assert sum(await asyncio.gather(send(replay_id), send(replay_id))) == len(overlays)
    assert await send(replay_id) == 0
    events = await pool.fetch("SELECT * FROM outbox_events")
    assert {(event["message_key"], event["payload"], event["headers"]) for event in events} == {
        (str(overlay_id).encode(), feed["created_event_value"], feed["created_event_headers"])
        for overlay_id, feed in feeds.items()
    }
    assert await send(await begun(pool)) == len(overlays)


async def test_a_post_from_before_events_were_kept_is_not_sent(pool: Pool, model: LlmModel) -> None:
    [overlay_id] = await store_feeds(pool, model)
    await pool.execute("DELETE FROM outbox_events")
    await pool.execute("UPDATE instagram_feeds SET created_event_value = NULL, created_event_headers = NULL")
    replay_id = await begun(pool)
    found = await standing(pool, overlay_id, replay_id)
    assert found.instagram_feed_id is not None
    assert not found.has_event
    async with connection(pool) as borrowed:
        assert await republish(borrowed, [found.instagram_feed_id], replay_id, topic="created") == 0
    assert not (await standing(pool, overlay_id, replay_id)).republished


async def test_an_overlay_stands_by_its_newest_request_and_its_newest_post(pool: Pool, model: LlmModel) -> None:
    [overlay_id], replay_id = await store_feeds(pool, model, prompt_version="old"), uuid4()
    await claim(pool, [new_request(overlay_id, revision=2)])
    await pool.execute("UPDATE feed_requests SET replay_id = $1 WHERE revision = 2", replay_id)

    found = await standing(pool, overlay_id, replay_id)
    assert (found.request_state, found.prompt_version, found.model_name) == ("claimed", "old", model.model_name)
    assert (found.has_event, found.replayed, found.republished) == (True, True, False)
    assert not (await standing(pool, overlay_id, uuid4())).replayed
    unknown = await standing(pool, other := uuid4(), replay_id)
    assert unknown == OverlayStatus(other, None, None, None, None, has_event=False, replayed=False, republished=False)


async def test_a_replay_keeps_the_range_it_began_with_and_never_goes_back(pool: Pool) -> None:
    replay_id = await begun(pool)
    async with connection(pool) as borrowed:
        await advance(borrowed, replay_id, {0: 20})
        await advance(borrowed, replay_id, {0: 12, 1: 9})
        await begin_replay(
            borrowed, replay_id, name="x", mode="missing", topic="y", asked="{}", ranges=[PartitionRange(0, 0, 99, 0)]
        )
        assert await ranges_of(borrowed, replay_id) == [PartitionRange(0, 5, 40, 20), PartitionRange(1, 0, 9, 9)]
        assert await mode_of(borrowed, replay_id) == ("missing", '{"from": "earliest"}')
        assert await ranges_of(borrowed, uuid4()) == []
        assert await mode_of(borrowed, uuid4()) is None


async def test_progress_counts_what_became_of_a_replays_requests(pool: Pool, model: LlmModel) -> None:
    replay_id = await begun(pool)
    await enter(pool, [new_request() for _ in range(3)], replay_id)
    done = await store_feeds(pool, model, 2)
    failed = await failed_request(pool)
    await pool.execute(
        "UPDATE feed_requests SET replay_id = $1, cost_usd = 0.000125 WHERE overlay_id = ANY($2)",
        replay_id,
        [*done, failed],
    )
    async with connection(pool) as borrowed:
        progress = await replay_progress(borrowed, replay_id)
        assert progress == ReplayProgress(
            pending=3, batched=0, done=2, failed=1, taken=3, republished=0, cost_usd=Decimal("0.000375")
        )
        assert progress.entered == 6
        assert (await replay_progress(borrowed, uuid4())).entered == 0


async def test_what_posts_took_is_that_of_the_last_ones_of_the_model(pool: Pool, model: LlmModel) -> None:
    await store_feeds(pool, model, 3, gpt_prompt_used="열 글자가 되는 문장")
    await pool.execute(
        "UPDATE feed_requests SET prompt_tokens = 200, cached_prompt_tokens = 50, completion_tokens = 80"
    )
    async with connection(pool) as borrowed:
        past = await past_calls(borrowed, model.llm_model_id, posts=2)
        none = await past_calls(borrowed, uuid4(), posts=2)
    assert (past.posts, past.prompt_characters) == (2, 2 * len("열 글자가 되는 문장"))
    assert (past.prompt_tokens, past.cached_prompt_tokens, past.completion_tokens) == (400, 100, 160)
    assert (none.posts, none.prompt_tokens, none.mean_latency_ms) == (0, 0, None)
