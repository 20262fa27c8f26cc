"""What people change in the database reaches a running consumer: prices, defaults and activity of models."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from consumer.llm.breaker import Breaker
from consumer.llm.chat import Message
from consumer.llm.endpoints import Endpoint
from consumer.llm.errors import Deferred
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer, open_client
from consumer.pipeline.model_rows import ModelRows
from consumer.pipeline.refresher import Refresher
from repository.llm_models import LlmModel
from repository.pool import Pool, open_pool

MESSAGES = (Message("user", "write"),)
CHANGE = """
    UPDATE llm_models SET prompt_token_cost_per_1m = 9.5, default_max_tokens = 777, default_temperature = 0.3
    WHERE model_name = 'gpt-4o-mini'
"""
ACTIVATE = "UPDATE llm_models SET is_active = $1 WHERE model_name = 'gpt-4o-mini'"
AS_IT_WAS = """
    UPDATE llm_models SET prompt_token_cost_per_1m = 0.15, default_max_tokens = 1000, default_temperature = 0.7,
        is_active = 'true'
    WHERE model_name = 'gpt-4o-mini'
"""


@pytest.fixture
async def provider(model: LlmModel) -> AsyncIterator[Provider]:
    """The provider of gpt-4o-mini, which is called for nothing here."""
    endpoint = Endpoint("openai", "http://127.0.0.1:1/v1", "sk-test")
    client = open_client(endpoint, timeout_s=1, max_connections=1)
    writer = Writer(client, model, response_format={}, timeout_s=1, max_tokens=None)
    yield Provider(writer, RateLimiter(), Breaker(probe_deadline_s=1, first_wait_s=1))
    await client.close()


async def test_prices_and_defaults_are_those_of_the_row_as_it_is_now(pool: Pool, provider: Provider) -> None:
    await pool.execute(CHANGE)
    await Refresher(ModelRows(pool, {"gpt-4o-mini": provider})).run_once()
    await pool.execute(AS_IT_WAS)
    writer = provider.writer
    assert writer.model.prompt_token_cost_per_1m == Decimal("9.5")
    assert (writer.max_tokens, writer.temperature) == (777, 0.3)


async def test_a_model_that_is_switched_off_is_not_called_until_it_is_on_again(pool: Pool, provider: Provider) -> None:
    refresher = Refresher(ModelRows(pool, {"gpt-4o-mini": provider}))
    await pool.execute(ACTIVATE, "false")
    await refresher.run_once()
    assert "is inactive" in str(provider.unavailable_reason)
    assert provider.allowance(10) == 0
    with pytest.raises(Deferred):
        await provider.admit(MESSAGES)
    await pool.execute(AS_IT_WAS)
    await refresher.run_once()
    assert provider.unavailable_reason is None
    (await provider.admit(MESSAGES)).give_back()


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-0.15"])
async def test_a_model_whose_price_is_none_is_not_called_until_it_is_put_right(
    pool: Pool, provider: Provider, price: str
) -> None:
    refresher = Refresher(ModelRows(pool, {"gpt-4o-mini": provider}))
    await pool.execute(
        "UPDATE llm_models SET prompt_token_cost_per_1m = $1 WHERE model_name = 'gpt-4o-mini'", Decimal(price)
    )
    await refresher.run_once()
    assert f"prompt_token_cost_per_1m {price} in llm_models" in str(provider.unavailable_reason)
    assert provider.allowance(10) == 0
    await pool.execute(AS_IT_WAS)
    await refresher.run_once()
    assert provider.unavailable_reason is None


async def test_while_the_database_is_away_the_last_row_holds(module_database_url: str, provider: Provider) -> None:
    before = provider.writer
    gone = await open_pool(module_database_url, size=1, application_name="tests")
    await gone.close()
    await Refresher(ModelRows(gone, {"gpt-4o-mini": provider})).run_once()
    assert provider.writer is before
    assert provider.unavailable_reason is None
