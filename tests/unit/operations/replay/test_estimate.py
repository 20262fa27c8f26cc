"""What a replay will take, from what the last posts took."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.replay.estimate import estimate
from repository.operations.replay_requests import PastCalls
from tests.support.examples import llm_model

NO_PAST = PastCalls(0, 0, 0, 0, 0, None)
PAST = PastCalls(10, 20_000, 10_000, 4_000, 3_000, 500.0)
PRICES = {
    "prompt_token_cost_per_1m": Decimal("0.15"),
    "cached_prompt_token_cost_per_1m": Decimal("0.075"),
    "completion_token_cost_per_1m": Decimal("0.60"),
}


def test_tokens_and_cost_go_by_the_last_posts_and_by_the_length_of_these_prompts() -> None:
    found = estimate(100, 400_000, PAST, llm_model(**PRICES), max_in_flight=100)
    assert (found.prompt_tokens, found.completion_tokens, found.is_guess) == (200_000, 30_000, False)
    by_hand = (160_000 * Decimal("0.15") + 40_000 * Decimal("0.075") + 30_000 * Decimal("0.60")) / 1_000_000
    assert found.cost_usd == by_hand


def test_without_a_past_it_is_a_guess() -> None:
    found = estimate(100, 400_000, NO_PAST, llm_model(**PRICES), max_in_flight=100)
    assert (found.prompt_tokens, found.completion_tokens, found.is_guess) == (200_000, 40_000, True)


def test_a_model_without_prices_costs_nothing() -> None:
    free = llm_model(**dict.fromkeys(PRICES, None))
    assert estimate(10, 1_000, PAST, free, max_in_flight=1).cost_usd == 0


def test_what_goes_by_batch_is_added_at_its_price_and_takes_no_time_of_a_consumer() -> None:
    model = llm_model(**PRICES)
    live = estimate(100, 400_000, PAST, model, max_in_flight=100)
    batched = estimate(100, 400_000, PAST, model.at_reduced_price(), max_in_flight=100)
    both = live.with_batched(batched)
    assert (both.posts, both.prompt_tokens, both.completion_tokens) == (200, 400_000, 60_000)
    assert both.cost_usd == live.cost_usd * Decimal("1.5")
    assert both.seconds == live.seconds


@given(st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 10_000))
def test_more_posts_never_cost_less(posts: int, characters: int, max_in_flight: int) -> None:
    fewer = estimate(posts, characters, PAST, llm_model(**PRICES), max_in_flight=max_in_flight)
    more = estimate(posts + 1, characters + 1_000, PAST, llm_model(**PRICES), max_in_flight=max_in_flight)
    assert fewer.cost_usd < more.cost_usd
    assert fewer.seconds < more.seconds
