"""The cost of a call, against sums in fractions, which know no rounding."""

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.chat import Message
from consumer.llm.cost import spending, spending_in_vain, worst_case
from consumer.llm.errors import CallFailed, Received
from consumer.llm.usage import Tokens
from repository.prices import cost_usd
from repository.spending import Spending
from tests.support.examples import completion, llm_model

tokens = st.integers(0, 10_000_000)
prices = st.decimals(0, 1_000, places=4)
optional_prices = st.none() | prices


@given(st.tuples(tokens, tokens, tokens, tokens), prices, optional_prices, optional_prices, prices)
def test_the_cost_is_exact_with_cached_tokens_and_those_put_into_the_cache_at_their_own_price(
    counts: tuple[int, int, int, int],
    price: Decimal,
    cached_price: Decimal | None,
    write_price: Decimal | None,
    completion_price: Decimal,
) -> None:
    fresh, cached, put, written = counts
    spent = spending(
        completion(
            prompt_tokens=fresh + cached + put,
            cached_prompt_tokens=cached,
            cache_write_prompt_tokens=put,
            completion_tokens=written,
        ),
        llm_model(
            prompt_token_cost_per_1m=price,
            cached_prompt_token_cost_per_1m=cached_price,
            cache_write_prompt_token_cost_per_1m=write_price,
            completion_token_cost_per_1m=completion_price,
        ),
    )
    millionths = (
        fresh * Fraction(price)
        + cached * Fraction(price if cached_price is None else cached_price)
        + put * Fraction(price if write_price is None else write_price)
        + written * Fraction(completion_price)
    )
    assert Fraction(spent.cost_usd or 0) == millionths / 1_000_000
    assert (spent.prompt_tokens, spent.cached_prompt_tokens, spent.completion_tokens) == (
        fresh + cached + put,
        cached,
        written,
    )


def test_a_call_of_gpt_4o_mini_by_hand() -> None:
    call = completion(prompt_tokens=2_000, cached_prompt_tokens=1_024, completion_tokens=300)
    # 976 * 0.15 + 1024 * 0.075 + 300 * 0.60 = 146.4 + 76.8 + 180 = 403.2 millionths of a dollar
    assert spending(call, llm_model()).cost_usd == Decimal("0.0004032")


def test_unknown_prices_count_as_zero_and_the_tokens_still_count() -> None:
    unpriced = llm_model(
        prompt_token_cost_per_1m=None, cached_prompt_token_cost_per_1m=None, completion_token_cost_per_1m=None
    )
    assert spending(completion(), unpriced) == Spending(500, 0, 200, Decimal(0))


@given(tokens, tokens)
def test_more_cached_tokens_than_prompt_tokens_never_make_a_negative_cost(prompt: int, cached: int) -> None:
    call = completion(prompt_tokens=prompt, cached_prompt_tokens=cached, completion_tokens=0)
    spent = spending(call, llm_model())
    assert spent.cost_usd is not None
    assert spent.cost_usd >= 0
    assert spent.cached_prompt_tokens == min(prompt, cached)


figures = st.none() | tokens
spendings = st.builds(Spending, figures, figures, figures, st.none() | prices)


@given(spendings, spendings)
def test_spendings_add_up_field_by_field_and_what_is_unknown_in_one_is_unknown_in_the_sum(
    one: Spending, other: Spending
) -> None:
    both = one + other
    for field in fields(Spending):
        parts = getattr(one, field.name), getattr(other, field.name)
        assert getattr(both, field.name) == (None if None in parts else sum(parts))


def test_an_answer_without_usage_costs_nobody_knows_what() -> None:
    silent = completion(prompt_tokens=None, cached_prompt_tokens=None, completion_tokens=None, total_tokens=None)
    assert spending(silent, llm_model()) == Spending(None, None, None, None)


def test_half_a_usage_is_no_cost() -> None:
    half = completion(completion_tokens=None, total_tokens=None)
    assert spending(half, llm_model()) == Spending(500, 0, None, None)


def test_an_error_that_tells_its_usage_is_priced_and_one_that_may_have_been_billed_is_unknown() -> None:
    told = CallFailed("not a chat completion", maybe_billed=True)
    told.received = Received(body=b"{}", tokens=Tokens(prompt=500, cached_prompt=0, completion=200), latency_ms=1.0)
    assert spending_in_vain(told, llm_model()) == Spending(500, 0, 200, Decimal("0.000195"))
    assert spending_in_vain(CallFailed("no answer within 60 s", maybe_billed=True), llm_model()) is None
    assert spending_in_vain(CallFailed("HTTP 503"), llm_model()) == Spending()


@given(
    texts=st.lists(st.text(max_size=200), min_size=1, max_size=4),
    max_tokens=st.integers(16, 2_000),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_no_answer_costs_more_than_the_worst_case_of_its_call(
    texts: list[str], max_tokens: int, parts: tuple[float, float, float, float]
) -> None:
    model = llm_model(cache_write_prompt_token_cost_per_1m=Decimal("0.19"))
    messages = tuple(Message("user", text) for text in texts)
    worst = worst_case(messages, max_tokens, model)
    prompt = int(parts[0] * sum(len(text.encode()) for text in texts))
    completion, cached = int(parts[1] * max_tokens), int(parts[2] * prompt)
    cost = cost_usd(
        model.prices,
        prompt_tokens=prompt,
        cached_prompt_tokens=cached,
        cache_write_prompt_tokens=int(parts[3] * (prompt - cached)),
        completion_tokens=completion,
    )
    assert cost is not None
    assert worst.cost_usd is not None
    assert cost <= worst.cost_usd
    assert prompt + completion <= worst.tokens


@pytest.mark.parametrize("column", ["prompt_token_cost_per_1m", "completion_token_cost_per_1m"])
def test_without_a_price_the_worst_case_is_not_known(column: str) -> None:
    worst = worst_case((Message("user", "한글"),), 100, llm_model(**{column: None}))
    assert worst.cost_usd is None
    assert worst.tokens == 6 + 16 + 100
