"""What the demo costs where the real API writes."""

from decimal import Decimal

from repository.llm_models import find_active
from repository.pool import connection, open_pool
from repository.prices import cost_usd

PROMPT_TOKENS = 750  # of one call for a sample event, on the generous side
COMPLETION_TOKENS = 300


async def estimated_cost_usd(database_url: str, model_name: str, *, posts: int) -> Decimal:
    """USD for so many posts with one call each, at the prices in llm_models."""
    pool = await open_pool(database_url, size=1, application_name="instagram-feed demo")
    try:
        async with connection(pool) as borrowed:
            model = await find_active(borrowed, model_name)
    finally:
        await pool.close()
    cost = cost_usd(
        model.prices,
        prompt_tokens=posts * PROMPT_TOKENS,
        cached_prompt_tokens=0,
        cache_write_prompt_tokens=0,
        completion_tokens=posts * COMPLETION_TOKENS,
    )
    return cost or Decimal(0)
