"""Request and token buckets of an account, their 429s and their ``x-ratelimit-*`` headers.

Source: https://platform.openai.com/docs/guides/rate-limits
"""

from dataclasses import dataclass
from http import HTTPStatus
from math import ceil, floor

from pydantic import BaseModel, ConfigDict, PositiveInt

from devstack.simulated_llm.openai_errors import ApiError

# Far above what the server can answer, so that limits only show where they are asked for.
DEFAULT_REQUESTS_PER_MINUTE = 1_000_000
DEFAULT_TOKENS_PER_MINUTE = 2_000_000_000
DEFAULT_ENQUEUED_TOKENS = 2_000_000_000
_ROUNDING_S = 1e-6  # a bucket refilled for just the time it asked for may be short of a hair


class RateLimits(BaseModel):
    """What the account may send in a minute, and have waiting in batches of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: PositiveInt = DEFAULT_REQUESTS_PER_MINUTE
    tokens_per_minute: PositiveInt = DEFAULT_TOKENS_PER_MINUTE
    enqueued_tokens: PositiveInt = DEFAULT_ENQUEUED_TOKENS


@dataclass(slots=True)
class Bucket:
    """A token bucket: full at the start, refilled evenly within a minute. Times are in seconds."""

    unit: str
    abbreviation: str
    per_minute: int
    level: float
    refilled_at_s: float

    def refill(self, now_s: float) -> None:
        """Add what has come in since the last refill."""
        gained = (now_s - self.refilled_at_s) * self.per_minute / 60
        self.level = min(float(self.per_minute), self.level + gained)
        self.refilled_at_s = now_s

    def wait_s(self, amount: int) -> float:
        """Return how long until ``amount`` is there, once refilled."""
        return max(0.0, (amount - self.level) * 60 / self.per_minute)

    def headers(self) -> dict[str, str]:
        """Return the limit, what remains of it, and the time until it is whole again."""
        return {
            f"x-ratelimit-limit-{self.unit}": str(self.per_minute),
            f"x-ratelimit-remaining-{self.unit}": str(floor(max(0.0, self.level))),
            f"x-ratelimit-reset-{self.unit}": go_duration(self.wait_s(self.per_minute)),
        }


class RateLimiter:
    """Both buckets of an account. The clock is the caller's: any monotonic count of seconds."""

    def __init__(self, limits: RateLimits, now_s: float) -> None:
        self.limits = limits
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        self._requests = Bucket("requests", "RPM", requests, float(requests), now_s)
        self._tokens = Bucket("tokens", "TPM", tokens, float(tokens), now_s)

    def take(self, model: str, tokens: int, now_s: float) -> None:
        """Take one request and its tokens, or nothing and raise the 429."""
        wanted = ((self._requests, 1), (self._tokens, tokens))
        for bucket, _ in wanted:
            bucket.refill(now_s)
        scarce, short_of = max(wanted, key=lambda want: want[0].wait_s(want[1]))
        if scarce.wait_s(short_of) > _ROUNDING_S:
            raise _limit_reached(model, scarce, short_of)
        for bucket, amount in wanted:
            bucket.level -= amount

    def headers(self, now_s: float) -> dict[str, str]:
        """Return the six ``x-ratelimit-*`` headers."""
        self._requests.refill(now_s)
        self._tokens.refill(now_s)
        return self._requests.headers() | self._tokens.headers()


def _limit_reached(model: str, bucket: Bucket, amount: int) -> ApiError:
    figures = f"Limit {bucket.per_minute}, Used {floor(bucket.per_minute - bucket.level)}"
    where = (
        f"for {model} in organization org-simulated"
        f" on {bucket.unit} per min ({bucket.abbreviation}): {figures}, Requested {amount}."
    )
    if amount > bucket.per_minute:
        message, headers = f"Request too large {where}", {}
    else:
        wait_s = bucket.wait_s(amount)
        message = f"Rate limit reached {where} Please try again in {go_duration(wait_s)}."
        headers = retry_after_headers(wait_s)
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        message,
        type=bucket.unit,
        code="rate_limit_exceeded",
        headers=headers,
    )


def retry_after_headers(wait_s: float) -> dict[str, str]:
    """Return both spellings OpenAI uses: whole seconds, and milliseconds."""
    return {"retry-after": str(ceil(wait_s)), "retry-after-ms": str(ceil(wait_s * 1000))}


def go_duration(seconds: float) -> str:
    """Spell a duration as Go's ``time.Duration`` does: ``0s``, ``120ms``, ``8.64s``, ``6m0s``."""
    milliseconds = ceil(round(seconds * 1000, 6))
    if 0 < milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    minutes, rest_ms = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    spelled = f"{rest_ms / 1000:g}s"
    if hours or minutes:
        spelled = f"{minutes}m{spelled}"
    return f"{hours}h{spelled}" if hours else spelled
