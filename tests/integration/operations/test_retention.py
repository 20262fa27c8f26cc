from datetime import UTC, datetime, timedelta

from repository.feeds import fail
from repository.llm_models import LlmModel
from repository.operations.retention import Purgeable, PurgedBatch, purge_batch, purge_calls, purgeable
from repository.pool import Pool, connection
from tests.support.examples import failure, llm_call, new_request
from tests.support.ledger import claim, store_feeds

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
OLD = datetime(2026, 8, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 9, 1, tzinfo=UTC)
KEPT = "SELECT count(*) FROM instagram_feeds WHERE gpt_response_raw IS NOT NULL AND gpt_prompt_used IS NOT NULL"


async def store_old(pool: Pool, model: LlmModel, count: int, tenant_id: str = "tea") -> None:
    """Store posts, a minute apart."""
    for number in range(count):
        await store_feeds(pool, model, created_at=OLD + timedelta(minutes=number), tenant_id=tenant_id)


async def purge(pool: Pool, *, after: datetime = BEGINNING, tenant_id: str | None = None) -> PurgedBatch | None:
    async with connection(pool) as borrowed:
        return await purge_batch(borrowed, before=CUTOFF, tenant_id=tenant_id, after=after, limit=2)


async def test_old_posts_are_purged_in_batches_and_new_ones_stay(pool: Pool, model: LlmModel) -> None:
    await store_old(pool, model, 3)
    await store_feeds(pool, model, created_at=CUTOFF)

    first = await purge(pool)
    assert first == PurgedBatch(2, OLD + timedelta(minutes=1))
    second = await purge(pool, after=first.last_created_at)
    assert second == PurgedBatch(1, OLD + timedelta(minutes=2))
    assert await purge(pool, after=second.last_created_at) is None
    assert await pool.fetchval(KEPT) == 1


async def test_a_purge_that_was_cut_off_goes_on_from_the_beginning(pool: Pool, model: LlmModel) -> None:
    await store_old(pool, model, 3)
    await purge(pool)
    assert await purge(pool) == PurgedBatch(1, OLD + timedelta(minutes=2))


async def test_only_the_tenant_s_posts_are_counted_and_purged(pool: Pool, model: LlmModel) -> None:
    await store_old(pool, model, 1, "tea")
    await store_old(pool, model, 1, "bread")

    async with connection(pool) as borrowed:
        all_posts = await purgeable(borrowed, before=CUTOFF)
        of_tea = await purgeable(borrowed, before=CUTOFF, tenant_id="tea")
        none = await purgeable(borrowed, before=OLD)

    assert (all_posts.posts, of_tea.posts, none) == (2, 1, Purgeable(0, 0))
    assert all_posts.stored_bytes == 2 * of_tea.stored_bytes > 0
    assert await purge(pool, tenant_id="tea") == PurgedBatch(1, OLD)
    assert await pool.fetchval(KEPT) == 1


async def test_the_figures_and_the_event_stay(pool: Pool, model: LlmModel) -> None:
    await store_old(pool, model, 1)
    before = dict(await pool.fetchrow("SELECT * FROM instagram_feeds") or {})
    await purge(pool)
    after = dict(await pool.fetchrow("SELECT * FROM instagram_feeds") or {})
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"gpt_response_raw", "gpt_prompt_used", "updated_at"}


async def test_a_post_that_somebody_else_holds_is_left_to_the_next_purge(pool: Pool, model: LlmModel) -> None:
    await store_old(pool, model, 2)
    async with connection(pool) as other, other.transaction():
        await other.execute("SELECT FROM instagram_feeds WHERE created_at = $1 FOR UPDATE", OLD)
        assert await purge(pool) == PurgedBatch(1, OLD + timedelta(minutes=1))
    assert await purge(pool) == PurgedBatch(1, OLD)


async def test_of_old_calls_the_answers_are_purged_once_their_requests_have_ended(pool: Pool, model: LlmModel) -> None:
    ended, waiting, other = await claim(pool, [new_request(), new_request(), new_request(tenant_id="bread")])
    for request in (ended, waiting, other):
        async with connection(pool) as borrowed:
            call = llm_call(request, model.llm_model_id, called_at=OLD)
            await fail(borrowed, [failure(request, unused_calls=(call,))], relay_lease_s=60)
    await pool.execute("UPDATE feed_requests SET state = 'waiting' WHERE overlay_id = $1", waiting.overlay_id)

    async with connection(pool) as borrowed:
        assert (await purgeable(borrowed, before=CUTOFF)).calls == 2
        assert (await purgeable(borrowed, before=OLD)).calls == 0
        assert await purge_calls(borrowed, before=CUTOFF, tenant_id=ended.tenant_id, limit=10) == 1
        assert await purge_calls(borrowed, before=CUTOFF, tenant_id=ended.tenant_id, limit=10) == 0

    purged = await pool.fetch("SELECT * FROM llm_calls WHERE raw_response IS NULL AND gpt_prompt_used IS NULL")
    assert [(row["overlay_id"], row["cost_usd"] is None) for row in purged] == [(ended.overlay_id, False)]
