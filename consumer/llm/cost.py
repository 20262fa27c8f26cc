"""What a call took."""

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.usage import UNKNOWN, Tokens
from repository.llm_models import LlmModel
from repository.prices import cost_usd
from repository.spending import NOTHING_SPENT, Spending


def spending(completion: Completion, model: LlmModel) -> Spending:
    """Return tokens and USD of an answered call at the model's prices; unknown where the provider does not tell."""
    return _priced(
        Tokens(
            prompt=completion.prompt_tokens,
            cached_prompt=completion.cached_prompt_tokens,
            cache_write_prompt=completion.cache_write_prompt_tokens,
            completion=completion.completion_tokens,
        ),
        model,
    )


def spending_in_vain(error: LlmError, model: LlmModel) -> Spending | None:
    """Return the same of a call without a completion; None where it may have been billed and nobody tells what."""
    spent = _priced(error.received.tokens if error.received else UNKNOWN, model)
    if spent.cost_usd is not None:
        return spent
    return None if error.maybe_billed else NOTHING_SPENT


def _priced(tokens: Tokens, model: LlmModel) -> Spending:
    cached = tokens.cached_prompt
    return Spending(
        prompt_tokens=tokens.prompt,
        cached_prompt_tokens=cached if cached is None or tokens.prompt is None else min(cached, tokens.prompt),
        completion_tokens=tokens.completion,
        cost_usd=cost_usd(
            model.prices,
            prompt_tokens=tokens.prompt,
            cached_prompt_tokens=cached,
            cache_write_prompt_tokens=tokens.cache_write_prompt,
            completion_tokens=tokens.completion,
        ),
    )
