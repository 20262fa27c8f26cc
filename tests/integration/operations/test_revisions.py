import asyncio
from uuid import UUID, uuid4

from repository.llm_models import LlmModel
from repository.operations.revisions import EnteredRevision, RequestedRevision, ask_for_revisions
from repository.pool import Pool, connection
from tests.support.examples import new_request, source_record
from tests.support.ledger import claim, ledger_row, reclaim, store_feeds
from tests.support.waiting import eventually

SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""


def asked(overlay_id: UUID) -> RequestedRevision:
    return RequestedRevision(overlay_id, "store-apparel-1", uuid4(), "event-1", source_record(b"{}"))


async def ask(pool: Pool, *overlays: UUID, replay_id: UUID | None = None) -> list[EnteredRevision]:
    async with connection(pool) as borrowed:
        return await ask_for_revisions(
            borrowed, [asked(overlay_id) for overlay_id in overlays], origin="regenerate", replay_id=replay_id
        )


async def test_the_next_revision_waits_to_be_taken_with_the_event_to_write_from(pool: Pool, model: LlmModel) -> None:
    [overlay_id] = await store_feeds(pool, model)

    assert await ask(pool, overlay_id) == [EnteredRevision(overlay_id, 2)]

    row = await ledger_row(pool, overlay_id, 2)
    assert (row["origin"], row["replay_id"], row["background"]) == ("regenerate", None, False)
    [taken] = await reclaim(pool)
    assert (taken.overlay_id, taken.revision, taken.source) == (overlay_id, 2, source_record(b"{}"))


async def test_an_overlay_that_is_not_known_begins_with_its_first_revision(pool: Pool) -> None:
    overlay_id = uuid4()
    assert await ask(pool, overlay_id) == [EnteredRevision(overlay_id, 1)]


async def test_a_post_from_before_the_ledger_took_its_revision_too(pool: Pool, model: LlmModel) -> None:
    [overlay_id] = await store_feeds(pool, model)
    await pool.execute("DELETE FROM feed_requests")
    assert await ask(pool, overlay_id) == [EnteredRevision(overlay_id, 2)]


async def test_an_overlay_in_progress_is_passed_over(pool: Pool, model: LlmModel) -> None:
    [overlay_id, other] = await store_feeds(pool, model, 2)
    await ask(pool, overlay_id)
    assert await ask(pool, overlay_id, other) == [EnteredRevision(other, 2)]


async def test_an_overlay_that_failed_gets_another_chance(pool: Pool) -> None:
    [failed] = await claim(pool, [new_request()])
    await pool.execute("UPDATE feed_requests SET state = 'failed'")
    assert await ask(pool, failed.overlay_id) == [EnteredRevision(failed.overlay_id, 2)]


async def test_a_replay_asks_for_each_overlay_once_even_when_that_is_done(pool: Pool, model: LlmModel) -> None:
    [overlay_id] = await store_feeds(pool, model)
    replay_id = uuid4()
    await ask(pool, overlay_id, replay_id=replay_id)
    await pool.execute("UPDATE feed_requests SET state = 'done'")

    assert await ask(pool, overlay_id, replay_id=replay_id) == []
    assert await ask(pool, overlay_id, replay_id=uuid4()) == [EnteredRevision(overlay_id, 3)]


async def test_of_many_that_ask_at_once_one_gets_each_overlay(pool: Pool, model: LlmModel) -> None:
    overlays = await store_feeds(pool, model, 40)

    answers = await asyncio.gather(*(ask(pool, *overlays[::direction]) for direction in (1, -1) * 5))

    entered = [one.overlay_id for answer in answers for one in answer]
    assert sorted(entered) == sorted(overlays)
    assert await pool.fetchval("SELECT count(*) FROM feed_requests WHERE revision = 2") == 40
    assert await pool.fetchval("SELECT count(*) FROM feed_requests WHERE revision > 2") == 0


async def test_who_loses_the_race_to_a_request_that_has_ended_gets_the_revision_after_it(pool: Pool) -> None:
    overlay_id = uuid4()
    async with asyncio.TaskGroup() as tasks, connection(pool) as first, first.transaction():
        await ask_for_revisions(first, [asked(overlay_id)], origin="regenerate")
        await first.execute("UPDATE feed_requests SET state = 'done'")
        second = tasks.create_task(ask(pool, overlay_id))
        await eventually(lambda: pool.fetchval(SOMEBODY_WAITS))

    assert second.result() == [EnteredRevision(overlay_id, 2)]
