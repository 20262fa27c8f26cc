"""A thousand posts stored as the consumer stores them, half of them after a change of price; the sum by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from consumer.llm.cost import spending
from repository.feeds import Feed, fail, store
from repository.llm_models import LlmModel
from repository.operations import reports
from repository.operations.cost_without_post import cost_without_post
from repository.operations.feed_queries import list_feeds
from repository.operations.model_changes import change_models
from repository.operations.report_scope import ReportScope
from repository.pool import Connection, Pool, connection
from repository.requests import ClaimedRequest
from repository.spending import Spending
from tests.support.examples import completion, failure, feed, new_request
from tests.support.ledger import claim
from tests.support.seed_queries import ANY_ID, SEED_QUERIES

HALF = 500
ALL_TIME = ReportScope(since=datetime(2000, 1, 1, tzinfo=UTC))

# gpt-4o-mini, in USD per 1,000 million tokens, so that the sum by hand is one of whole numbers
FRESH, CACHED, WRITTEN = 150, 75, 600
DEARER = 3


def tokens(number: int) -> tuple[int, int, int]:
    """Prompt tokens, how many of them were cached, and completion tokens of one call."""
    return 1_100 + number * 7 % 400, number % 3 * 512, 90 + number * 13 % 170


def written(request: ClaimedRequest, model: LlmModel, number: int) -> Feed:
    prompt, cached, answered = tokens(number)
    call = completion(prompt_tokens=prompt, cached_prompt_tokens=cached, completion_tokens=answered)
    return feed(
        request,
        model.llm_model_id,
        prompt_tokens=prompt,
        completion_tokens=answered,
        total_tokens=prompt + answered,
        spent=spending(call, model),
    )


async def store_posts(borrowed: Connection, pool: Pool, model: LlmModel, numbers: Sequence[int]) -> None:
    requests = await claim(pool, [new_request() for _ in numbers])
    feeds = [written(request, model, number) for request, number in zip(requests, numbers, strict=True)]
    await store(borrowed, feeds, ensure_references=True, relay_lease_s=30.0)


def by_hand(numbers: Sequence[int]) -> int:
    return sum(
        (prompt - cached) * FRESH + cached * CACHED + answered * WRITTEN
        for prompt, cached, answered in map(tokens, numbers)
    )


async def test_the_cost_of_a_thousand_posts_is_the_sum_by_hand_and_older_ones_keep_their_price(
    pool: Pool, model: LlmModel
) -> None:
    older, newer = range(HALF), range(HALF, 2 * HALF)
    prices = {
        name: getattr(model, name) * DEARER
        for name in (
            "prompt_token_cost_per_1m",
            "cached_prompt_token_cost_per_1m",
            "completion_token_cost_per_1m",
        )
    }
    async with connection(pool) as borrowed, borrowed.transaction():
        await store_posts(borrowed, pool, model, older)
        before = await reports.cost(borrowed, ALL_TIME)
        [repriced] = await change_models(borrowed, {model.llm_model_id: prices})
        after = await reports.cost(borrowed, ALL_TIME)
        await store_posts(borrowed, pool, repriced, newer)
        [whole] = await reports.cost(borrowed, ALL_TIME)
        await change_models(borrowed, {model.llm_model_id: {name: getattr(model, name) for name in prices}})

    assert before[0].spent_usd == after[0].spent_usd == Decimal(by_hand(older)) / 10**9
    assert whole.request_count == 2 * HALF
    assert round(whole.spent_usd, 6) == round(Decimal(by_hand(older) + DEARER * by_hand(newer)) / 10**9, 6)


async def test_posts_whose_usage_nobody_told_are_counted_apart(pool: Pool, model: LlmModel) -> None:
    known, silent = await claim(pool, [new_request(), new_request()])
    nothing = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None, "token_usage": "{}"}
    feeds = [
        feed(known, model.llm_model_id),
        feed(silent, model.llm_model_id, spent=Spending(None, None, None, None), **nothing),
    ]
    async with connection(pool) as borrowed:
        await store(borrowed, feeds, ensure_references=True, relay_lease_s=30.0)
        [cost] = await reports.cost(borrowed, ALL_TIME)
        [tokens_used] = await reports.tokens(borrowed, ALL_TIME)
    assert (cost.request_count, cost.posts_without_usage, cost.posts_without_cost) == (2, 1, 1)
    assert (cost.total_tokens, cost.spent_usd) == (700, Decimal("0.000195"))
    assert (tokens_used.posts_without_usage, tokens_used.avg_total_tokens) == (1, 700)


async def test_failed_requests_of_unknown_cost_are_counted_apart(pool: Pool, model: LlmModel) -> None:
    requests = await claim(pool, [new_request(), new_request()])
    spent = Spending(500, 0, 200, Decimal("0.000195")), Spending(None, None, None, None)
    async with connection(pool) as borrowed:
        failures = [failure(one, spent=so_much) for one, so_much in zip(requests, spent, strict=True)]
        await fail(borrowed, failures, relay_lease_s=30.0)
        [row] = await cost_without_post(borrowed, ALL_TIME)
    assert (row.request_count, row.requests_without_cost) == (2, 1)
    assert (row.total_tokens, row.spent_usd) == (700, Decimal("0.000195"))


async def test_listings_are_the_seeds_queries_1_to_3(pool: Pool, model: LlmModel) -> None:
    async with connection(pool) as borrowed:
        requests = await claim(pool, [new_request() for _ in range(12)])
        feeds = [
            feed(
                request,
                model.llm_model_id,
                job_id=requests[0].job_id,
                tenant_id="test_tenant",
                created_at=datetime(2026, 11, 1, 9, minute, tzinfo=UTC),
            )
            for minute, request in enumerate(requests)
        ]
        await store(borrowed, feeds, ensure_references=True, relay_lease_s=30.0)
        one = feeds[3]
        for number, some_id, listed in (
            ("1", one.job_id, await list_feeds(borrowed, job_id=one.job_id, limit=100)),
            ("2", None, await list_feeds(borrowed, tenant_id="test_tenant", limit=10)),
            ("3", one.overlay_id, await list_feeds(borrowed, overlay_id=one.overlay_id, limit=100)),
        ):
            seed = await borrowed.fetch(SEED_QUERIES[number].replace(ANY_ID, str(some_id)))
            assert [row["instagram_feed_id"] for row in seed] == [found.instagram_feed_id for found in listed]
            assert len(listed) == {"1": 12, "2": 10, "3": 1}[number]
