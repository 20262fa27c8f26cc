"""The retry policy: a pure function of the error, the attempts so far and a random number."""

from dataclasses import dataclass

from consumer.llm.errors import CallFailed, Deferred, LlmError, RequestRefused

LONGEST_WAIT_FOR_ROWS_S = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after which waits. `base_s` is the upper bound of the first random wait."""

    max_attempts: int
    base_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Retry after `delay_s`; `attempts` are used up by then."""

    delay_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not retry; `attempts` are used up."""

    attempts: int


def after_error(error: LlmError, attempts: int, *, policy: RetryPolicy, random: float) -> TryAgain | GiveUp:
    """Decide what to do after `error`, when `attempts` failed before it. `random` is uniform in [0, 1)."""
    match error:
        case RequestRefused():
            return GiveUp(attempts + 1)
        case Deferred(retry_in_s=retry_in_s):
            return TryAgain(retry_in_s, attempts)
        case CallFailed(retry_after_s=float(asked_s)):
            # not before the requested time, and not all at the same moment
            return _later(after_failed_attempt(attempts, policy=policy, random=random), asked_s)
        case _:
            return after_failed_attempt(attempts, policy=policy, random=random)


def _later(decision: TryAgain | GiveUp, by_s: float) -> TryAgain | GiveUp:
    return TryAgain(decision.delay_s + by_s, decision.attempts) if isinstance(decision, TryAgain) else decision


def after_failed_attempt(attempts: int, *, policy: RetryPolicy, random: float) -> TryAgain | GiveUp:
    """Decide what to do after a counted attempt, when `attempts` failed before it."""
    if attempts + 1 >= policy.max_attempts:
        return GiveUp(attempts + 1)
    return TryAgain(full_jitter_s(attempts + 1, policy=policy, random=random), attempts + 1)


def after_missing_rows(
    waited_s: float, attempts: int, *, limit_s: float, policy: RetryPolicy, random: float
) -> TryAgain | GiveUp:
    """Decide what to do about a row that upstream has not committed, after a wait of `waited_s`.

    Each wait is half as long as the total so far, so that a slightly late row costs little; none counts as an attempt.
    """
    if waited_s >= limit_s:
        return GiveUp(attempts)
    wait_s = min(max(policy.base_s, waited_s / 2), policy.max_s, LONGEST_WAIT_FOR_ROWS_S)
    return TryAgain(min(wait_s * (0.5 + random / 2), limit_s - waited_s), attempts)


def full_jitter_s(attempt: int, *, policy: RetryPolicy, random: float) -> float:
    """Return an exponential backoff with full jitter: uniform between 0 and base * 2^(attempt-1), capped.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    doublings = min(attempt - 1, 32)  # a larger power would only overflow; the cap is reached long before
    return random * min(policy.max_s, policy.base_s * 2.0**doublings)
