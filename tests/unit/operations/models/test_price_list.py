"""What the list says, for entries that differ in kind; figures are the list's own of autumn 2026."""

from datetime import date
from decimal import Decimal

from consumer.operations.models.price_list import differences, list_price
from tests.support.examples import llm_model

TODAY = date(2026, 11, 25)


def test_a_plain_entry_has_full_cached_and_answer_price() -> None:
    listed = list_price(llm_model(), today=TODAY)

    assert listed is not None
    assert listed.listed_as == "gpt-4o-mini"
    assert listed.prices == {
        "prompt_token_cost_per_1m": Decimal("0.15"),
        "cached_prompt_token_cost_per_1m": Decimal("0.075"),
        "completion_token_cost_per_1m": Decimal("0.6"),
    }
    assert (listed.dearer_above_tokens, listed.changes_on) == (None, None)


def test_of_tiered_prices_the_first_tier_counts_and_its_end_is_told() -> None:
    listed = list_price(llm_model(model_name="gpt-6-luna", model_version=None), today=TODAY)

    assert listed is not None
    assert listed.prices["prompt_token_cost_per_1m"] == Decimal("0.1")
    assert listed.prices["cache_write_prompt_token_cost_per_1m"] == Decimal("0.125")
    assert listed.dearer_above_tokens == 272_000


def test_a_price_that_will_change_is_told_with_its_day() -> None:
    model = llm_model(provider="google", model_name="gemini-3.6-flash", model_version=None)
    before, after = list_price(model, today=TODAY), list_price(model, today=date(2027, 1, 1))

    assert before is not None
    assert after is not None
    assert before.changes_on == date(2027, 1, 1)
    assert after.prices["prompt_token_cost_per_1m"] == 2 * before.prices["prompt_token_cost_per_1m"]


def test_a_model_is_not_looked_for_at_another_provider() -> None:
    assert list_price(llm_model(provider="anthropic"), today=TODAY) is None
    assert list_price(llm_model(provider="nobody"), today=TODAY) is None


def test_a_price_with_other_zeros_is_the_same_price_and_a_missing_one_differs() -> None:
    model = llm_model(prompt_token_cost_per_1m=Decimal("0.1500"), cached_prompt_token_cost_per_1m=None)
    listed = list_price(model, today=TODAY)

    assert listed is not None
    assert differences(model, listed) == {"cached_prompt_token_cost_per_1m": Decimal("0.075")}
