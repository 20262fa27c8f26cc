"""What a replay will take, from what the last posts took. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from consumer.llm.usage import ANSWER_TOKENS, CHARACTERS_PER_TOKEN
from consumer.pipeline.in_flight import BACKGROUND_SHARE
from repository.llm_models import LlmModel
from repository.operations.replay_requests import PastCalls
from repository.prices import cost_usd

PAST_POSTS = 500
LATENCY_MS = 3_000.0  # without a past


@dataclass(frozen=True, slots=True)
class Estimate:
    """For `posts` posts with one consumer; `is_guess` when there is no past to go by.

    `seconds` are those of live calls.
    """

    posts: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal
    seconds: float
    is_guess: bool

    def with_batched(self, batched: "Estimate") -> "Estimate":
        """Return the estimate for these posts and others that go by batch."""
        return Estimate(
            self.posts + batched.posts,
            self.prompt_tokens + batched.prompt_tokens,
            self.completion_tokens + batched.completion_tokens,
            self.cost_usd + batched.cost_usd,
            self.seconds,
            self.is_guess,
        )


def estimate(posts: int, prompt_characters: int, past: PastCalls, model: LlmModel, *, max_in_flight: int) -> Estimate:
    """Estimate tokens, cost and time of writing posts whose prompts have so many characters together."""
    is_guess = not past.posts or not past.prompt_characters
    per_character = 1 / CHARACTERS_PER_TOKEN if is_guess else past.prompt_tokens / past.prompt_characters
    per_post = ANSWER_TOKENS if is_guess else past.completion_tokens / past.posts
    # what providers cache is the beginning that all prompts share: as many tokens of a long prompt as of a short one
    cached_per_post = 0.0 if is_guess else past.cached_prompt_tokens / past.posts
    prompt_tokens, completion_tokens = round(prompt_characters * per_character), round(posts * per_post)
    cost = cost_usd(
        model.prices,
        prompt_tokens=prompt_tokens,
        cached_prompt_tokens=min(prompt_tokens, round(posts * cached_per_post)),
        cache_write_prompt_tokens=0,
        completion_tokens=completion_tokens,
    )
    latency_s = (past.mean_latency_ms or LATENCY_MS) / 1_000
    return Estimate(
        posts,
        prompt_tokens,
        completion_tokens,
        cost or Decimal(0),
        posts * latency_s / max(1.0, max_in_flight * BACKGROUND_SHARE),
        is_guess,
    )
