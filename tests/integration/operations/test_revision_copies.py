"""Restoring and reparsing on real rows: what is stored, entered in the ledger and left to the relays."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from consumer.operations.revisions.regenerate import estimated_cost_usd
from consumer.operations.revisions.reparse import reparsed
from consumer.operations.revisions.revision_copies import RevisedPost, RevisionCopier, as_it_was
from consumer.operations.revisions.revision_source import CannotRevise
from repository.llm_models import LlmModel
from repository.operations.revision_copies import RepublishedFeed, publish_revisions
from repository.operations.revision_source import FeedReference, RevisionSource, find_bases
from repository.operations.revisions import RequestedRevision, ask_for_revisions
from repository.pool import Pool, connection
from schemas.post import InstagramPost
from tests.support.examples import source_record
from tests.support.ledger import count, ledger_row, store_feeds
from tests.support.quality import context, editor

OTHER = InstagramPost("겨울 니트", "#겨울")


def other_text(_: RevisionSource) -> RevisedPost:
    return RevisedPost(OTHER, "[]")


async def republished(pool: Pool, reference: FeedReference, rewrite: Any = as_it_was) -> RepublishedFeed:  # noqa: ANN401
    async with connection(pool) as borrowed:
        republisher = RevisionCopier(borrowed, created_topic="created")
        return (await republisher.republish([reference], rewrite, origin="restore"))[reference]


async def basis_of(pool: Pool, reference: FeedReference) -> RevisionSource:
    async with connection(pool) as borrowed:
        return (await find_bases(borrowed, [reference]))[reference]


async def feed_row(pool: Pool, overlay_id: UUID, revision: int) -> dict[str, Any]:
    row = await pool.fetchrow(
        "SELECT * FROM instagram_feeds WHERE overlay_id = $1 AND revision = $2", overlay_id, revision
    )
    assert row is not None
    return dict(row)


async def two_revisions(pool: Pool, model: LlmModel) -> UUID:
    """An overlay whose second revision says something else."""
    [overlay_id] = await store_feeds(pool, model)
    await republished(pool, FeedReference(overlay_id), other_text)
    return overlay_id


async def test_a_restored_post_is_a_new_row_that_took_no_call(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)

    await republished(pool, FeedReference(overlay_id, 1))

    old, new = await feed_row(pool, overlay_id, 1), await feed_row(pool, overlay_id, 3)
    differing = {name for name in old if old[name] != new[name]} - {"pk", "created_at", "updated_at"}
    assert differing == {
        *("instagram_feed_id", "revision", "origin", "based_on_feed_id", "llm_calls", "cost_usd"),
        *("latency_ms", "prompt_tokens", "completion_tokens", "total_tokens"),
        *("created_event_value", "created_event_headers"),
    }
    assert (new["origin"], new["based_on_feed_id"]) == ("restore", old["instagram_feed_id"])
    assert (new["llm_calls"], new["cost_usd"], new["total_tokens"], new["latency_ms"]) == (0, Decimal(0), None, None)
    request = await ledger_row(pool, overlay_id, 3)
    assert (request["state"], request["origin"], request["cost_usd"]) == ("done", "restore", 0)
    assert (request["source_topic"], request["source_offset"], request["source_value"]) == (
        "overlay.completed",
        41,
        None,
    )


async def test_its_event_tells_of_the_call_behind_the_text_and_of_no_cost(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)
    restored = await republished(pool, FeedReference(overlay_id, 1))

    row = await pool.fetchrow("SELECT * FROM outbox_events ORDER BY outbox_id DESC LIMIT 1")
    stored = await feed_row(pool, overlay_id, 3)

    assert row is not None
    assert (row["topic"], row["message_key"], row["event_id"]) == (
        "created",
        str(overlay_id).encode(),
        restored.created_event.event_id,
    )
    assert (row["payload"], row["headers"]) == (stored["created_event_value"], stored["created_event_headers"])
    event = json.loads(row["payload"])
    assert (event["instagram_feed_id"], event["revision"]) == (str(restored.instagram_feed_id), 3)
    assert event["instagram_ad_copy"] == stored["instagram_ad_copy"] != OTHER.instagram_ad_copy
    assert event["metrics"] == {
        "latency_ms": 812.25,
        "prompt_tokens": 500,
        "completion_tokens": 200,
        "total_tokens": 700,
        "cached_prompt_tokens": 0,
        "cost_usd": "0",
        "llm_calls": 0,
        "end_to_end_ms": 0.0,
        "delivery": "live",
    }
    assert event["source"] == {"event_id": "event-1", "topic": "overlay.completed", "partition": 3, "offset": 41}
    assert event["llm"]["model_name"] == model.model_name


async def test_what_was_restored_can_be_restored_and_still_knows_its_tokens(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)

    again = await republished(pool, FeedReference(overlay_id, 2), other_text)

    metrics = json.loads(again.created_event.record.value or b"")["metrics"]
    assert (metrics["total_tokens"], metrics["latency_ms"]) == (700, None)


async def test_the_current_post_is_not_restored(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)
    with pytest.raises(CannotRevise, match="already"):
        await republished(pool, FeedReference(overlay_id))
    assert await count(pool, "instagram_feeds") == 2


async def test_an_overlay_with_a_request_in_progress_is_left_alone(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)
    planned = await basis_of(pool, FeedReference(overlay_id, 1))
    async with connection(pool) as borrowed:
        asked = RequestedRevision(overlay_id, "store-apparel-1", None, "event-1", source_record())
        await ask_for_revisions(borrowed, [asked], origin="regenerate")

        with pytest.raises(CannotRevise, match="revision 3 in progress"):
            await republished(pool, FeedReference(overlay_id, 1))
        # who looked before the request was made does not get past it either
        feed = RevisionCopier(borrowed, created_topic="created").next_revision(planned, as_it_was(planned))
        assert await publish_revisions(borrowed, [feed], origin="restore") == set()
    assert await count(pool, "instagram_feeds") == 2


async def test_of_many_at_once_each_gets_a_revision_and_an_event_of_its_own(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)

    made = await asyncio.gather(*(republished(pool, FeedReference(overlay_id, 1)) for _ in range(8)))

    assert sorted(feed.revision for feed in made) == list(range(3, 11))
    assert await count(pool, "instagram_feeds") == await count(pool, "feed_requests") == 10
    announced = await pool.fetch("SELECT created_event_value FROM instagram_feeds ORDER BY revision")
    left = await pool.fetch("SELECT payload FROM outbox_events")
    assert {row[0] for row in announced} == {row[0] for row in left}
    assert len(left) == 10


async def test_a_post_from_before_the_ledger_is_restored_with_a_source_unknown(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)
    await pool.execute("DELETE FROM feed_requests")
    await pool.execute("UPDATE instagram_feeds SET source_event_id = NULL, token_usage = NULL")

    restored = await republished(pool, FeedReference(overlay_id, 1))

    event = json.loads(restored.created_event.record.value or b"")
    assert event["source"] == {"event_id": "unknown", "topic": "unknown", "partition": -1, "offset": -1}
    assert event["metrics"]["total_tokens"] == 700


async def test_a_post_without_overlay_or_model_says_why_it_cannot_be_published(pool: Pool, model: LlmModel) -> None:
    [without_model, without_overlay] = await store_feeds(pool, model, 2)
    await pool.execute("UPDATE instagram_feeds SET llm_model_id = NULL WHERE overlay_id = $1", without_model)
    feed_id = (await feed_row(pool, without_overlay, 1))["instagram_feed_id"]
    await pool.execute("UPDATE instagram_feeds SET overlay_id = NULL WHERE instagram_feed_id = $1", feed_id)

    with pytest.raises(CannotRevise, match="names no model"):
        await republished(pool, FeedReference(without_model), other_text)
    with pytest.raises(CannotRevise, match="has no overlay"):
        await republished(pool, FeedReference(feed_id), other_text)


async def test_a_raw_answer_gives_the_post_again_as_the_database_keeps_it(pool: Pool, model: LlmModel) -> None:
    answer = {"instagram_ad_copy": "가을 니트 💛", "hashtags": "#가을 #니트 #세일"}
    message = {"content": json.dumps(answer, ensure_ascii=False)}
    raw = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
    [overlay_id] = await store_feeds(pool, model, gpt_response_raw=raw)

    basis = await basis_of(pool, FeedReference(overlay_id))

    assert reparsed(basis.feed, editor(max_hashtags=2), context()).post == InstagramPost("가을 니트 💛", "#가을 #니트")


async def test_posts_are_found_by_each_of_their_names_in_the_order_given(pool: Pool, model: LlmModel) -> None:
    overlay_id = await two_revisions(pool, model)
    first = (await feed_row(pool, overlay_id, 1))["instagram_feed_id"]
    names = [
        FeedReference(overlay_id),
        FeedReference(uuid4()),
        FeedReference(overlay_id, 1),
        FeedReference(first),
        FeedReference(overlay_id, 3),
    ]

    async with connection(pool) as borrowed:
        found = await find_bases(borrowed, names)

    assert [(name, basis.feed.revision, basis.is_current) for name, basis in found.items()] == [
        (names[0], 2, True),
        (names[2], 1, False),
        (names[3], 1, False),
    ]
    # 500 * 0.15 + 200 * 0.60 millionths of a dollar
    assert estimated_cost_usd(found[names[3]]) == Decimal("0.000195")
