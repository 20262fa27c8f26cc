import json
from datetime import UTC, datetime, timedelta

from repository.feeds import fail, store
from repository.llm_models import LlmModel
from repository.operations.retention import Purgeable, PurgedBatch, purge_batch, purge_calls, purgeable
from repository.pool import Pool, connection
from tests.support.examples import failure, feed, llm_call, new_request, source_record
from tests.support.ledger import LEASE_S, claim, store_feeds

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
OLD = datetime(2026, 8, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 9, 1, tzinfo=UTC)
KEPT = "SELECT count(*) FROM instagram_feeds WHERE gpt_response_raw IS NOT NULL AND gpt_prompt_used IS NOT NULL"

ASKED, ANSWERED = "초록차방의 부탁", "모델의 대답"
COLUMNS = """
    SELECT table_name, column_name, data_type
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = current_schema AND table_type = 'BASE TABLE'
        AND data_type IN ('text', 'jsonb', 'json', 'bytea')
"""


async def places_with(pool: Pool, text: str) -> set[str]:
    """The columns of all tables in which a text stands."""
    places = set()
    for table, column, data_type in await pool.fetch(COLUMNS):
        stored = f'"{column}"' if data_type == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
        if await pool.fetchval(
            f'SELECT EXISTS (SELECT FROM "{table}" WHERE position($1 IN {stored}) > 0)', text.encode()
        ):
            places.add(f"{table}.{column}")
    return places


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


async def test_after_a_purge_the_prompts_and_answers_of_what_has_ended_stand_in_no_table(
    pool: Pool, model: LlmModel
) -> None:
    answer = json.dumps({"content": ANSWERED}, ensure_ascii=False)
    source = source_record(json.dumps({"gpt_prompt": ASKED}, ensure_ascii=False).encode())
    written, failed = await claim(pool, [new_request(source=source), new_request(source=source)])
    calls = [
        llm_call(one, model.llm_model_id, called_at=OLD, raw_response=answer.encode(), gpt_prompt_used=ASKED)
        for one in (written, failed)
    ]
    post = feed(
        written,
        model.llm_model_id,
        created_at=OLD,
        gpt_prompt_used=ASKED,
        gpt_response_raw=answer,
        unused_calls=calls[:1],
    )
    async with connection(pool) as borrowed:
        await store(borrowed, [post], ensure_references=True, relay_lease_s=LEASE_S)
        await fail(borrowed, [failure(failed, unused_calls=calls[1:])], relay_lease_s=LEASE_S)
    kept = {"instagram_feeds.gpt_prompt_used", "llm_calls.gpt_prompt_used"}
    # a failed request can be tried again, and what is tried is its event
    of_the_failed_event = {"feed_requests.source_value"}
    assert await places_with(pool, ASKED) == kept | of_the_failed_event
    assert await places_with(pool, ANSWERED) == {"instagram_feeds.gpt_response_raw", "llm_calls.raw_response"}

    async with connection(pool) as borrowed:
        await purge_batch(borrowed, before=CUTOFF, after=BEGINNING, limit=10)
        await purge_calls(borrowed, before=CUTOFF, limit=10)

    assert await places_with(pool, ASKED) == of_the_failed_event
    assert await places_with(pool, ANSWERED) == set()
    assert await pool.fetchval("SELECT count(*) FROM feed_requests WHERE source_value IS NOT NULL") == 1
