"""What a call took."""

from decimal import Decimal

from consumer.llm.completion import Completion
from repository.llm_models import LlmModel
from repository.prices import cost_usd
from repository.spending import Spending


def spending(completion: Completion, model: LlmModel) -> Spending:
    """Tokens and USD of one call at the model's prices; a count that is unknown counts as zero."""
    prompt, completed = completion.prompt_tokens or 0, completion.completion_tokens or 0
    cached = min(completion.cached_prompt_tokens or 0, prompt)
    cost = cost_usd(
        model.prices,
        prompt_tokens=prompt,
        cached_prompt_tokens=cached,
        cache_write_prompt_tokens=completion.cache_write_prompt_tokens,
        completion_tokens=completed,
    )
    return Spending(prompt, cached, completed, cost or Decimal(0))
