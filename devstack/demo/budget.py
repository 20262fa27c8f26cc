"""What the demo costs where the real API writes."""

from decimal import Decimal

from repository.llm_models import find_active
from repository.pool import connection, open_pool

PROMPT_TOKENS = 750  # of one call for a sample event, on the generous side
COMPLETION_TOKENS = 300
TOKENS_PER_PRICE = 1_000_000


async def estimated_cost_usd(database_url: str, model_name: str, *, posts: int) -> Decimal:
    """USD for so many posts with one call each, at the prices in llm_models."""
    pool = await open_pool(database_url, size=1, application_name="instagram-feed demo")
    try:
        async with connection(pool) as borrowed:
            model = await find_active(borrowed, model_name)
    finally:
        await pool.close()
    prompt_price = model.prompt_token_cost_per_1m or Decimal(0)
    completion_price = model.completion_token_cost_per_1m or Decimal(0)
    return posts * (PROMPT_TOKENS * prompt_price + COMPLETION_TOKENS * completion_price) / TOKENS_PER_PRICE
