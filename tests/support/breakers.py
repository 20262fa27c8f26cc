"""The breaker as its tests have it."""

from consumer.llm.breaker import Breaker

DEADLINE_S = 90.0
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 60.0
WINDOW_CALLS = 20
LEAST_CALLS = 5
WINDOW_S = 300.0


def breaker() -> Breaker:
    """Build a closed breaker that has seen no call."""
    return Breaker(
        probe_deadline_s=DEADLINE_S,
        first_wait_s=FIRST_WAIT_S,
        longest_wait_s=LONGEST_WAIT_S,
        window_calls=WINDOW_CALLS,
        least_calls=LEAST_CALLS,
        window_s=WINDOW_S,
    )
