"""What follows a 429: half the rate that was being sent, then a little more each second.

It needs no limit to be known. Some providers name none, and OpenAI names a day's limit in place of the
minute's where the account has both, so the limit that was hit is often not the one in the headers.
The rule is TCP's (RFC 5681; RFC 9002, section 7.3.2): multiplicative decrease once for each event of
congestion, additive increase without end. The clock is an argument.
"""

import math

from consumer.llm.rate_limit.token_bucket import ROUNDING

DECREASE = 0.5
RECOVERY_S = 60.0  # in which the rate that ran into the limit is added: half of that brings it back
LEAST_PER_S = 0.05
LEAST_GAIN_PER_S = 1.0 / RECOVERY_S  # each second, so that a rate once low does not stay low
MEMORY_S = 10.0  # over which the rate being sent is measured
FADE_EVERY_S = 0.1


class CongestionControl:
    """A ceiling in requests per second; none until the first 429."""

    def __init__(self) -> None:
        self._sent = 0.0  # admissions, each fading away over MEMORY_S
        self._faded_at_s = -math.inf
        self._rate_per_s = math.inf
        self._gain_per_s = 0.0
        self._since_s = 0.0
        self._halved_at_s = -math.inf
        self._credit = 1.0
        self._at_s = 0.0

    def rate_per_s(self, now_s: float) -> float:
        """Return the ceiling, infinite when there is none."""
        return self._rate_per_s + self._gain_per_s * max(0.0, now_s - self._since_s)

    def wait_s(self, now_s: float, ahead: int = 0) -> float:
        """Return how long until one more request may go, after `ahead` others."""
        if self._rate_per_s == math.inf:
            return 0.0
        self._advance(now_s)
        not_saved = ahead + 1 - self._credit
        return not_saved / self.rate_per_s(now_s) if not_saved > ROUNDING else 0.0

    def within(self, seconds: float, now_s: float) -> float:
        """Return how many requests may go in that time from now on."""
        if self._rate_per_s == math.inf:
            return math.inf
        self._advance(now_s)
        return self._credit + self.rate_per_s(now_s) * seconds

    def count(self, now_s: float) -> None:
        """Count a request that goes."""
        if now_s - self._faded_at_s > FADE_EVERY_S:
            self._fade(now_s)
        self._sent += 1.0
        self._credit -= 1.0

    def halve(self, admitted_at_s: float, now_s: float, resume_at_s: float, *, named_per_s: float = 0.0) -> bool:
        """Answer the 429 of a request admitted at `admitted_at_s`; nothing goes before `resume_at_s`.

        `named_per_s` is the rate that a minute's limit allows, if the provider names one. A 429 after a
        lull halves next to nothing, which says little about the limit; so this is the rate to gain back.

        The other requests that were under way at the last halving ran into the same limit: they do not
        halve again. Returns whether this one did.
        """
        if admitted_at_s <= self._halved_at_s:
            return False
        self._fade(now_s)
        sent_per_s = min(self._sent / MEMORY_S, self.rate_per_s(now_s))
        self._rate_per_s = max(LEAST_PER_S, sent_per_s * DECREASE)
        self._gain_per_s = max(LEAST_GAIN_PER_S, max(sent_per_s, named_per_s) / RECOVERY_S)
        self._halved_at_s = now_s
        self._since_s = self._at_s = resume_at_s
        self._faded_at_s = max(now_s, resume_at_s)  # silence that was asked for is no low rate
        self._credit = 1.0
        return True

    def _fade(self, now_s: float) -> None:
        elapsed_s = now_s - self._faded_at_s
        if elapsed_s > 0:
            self._sent *= math.exp(-elapsed_s / MEMORY_S)
            self._faded_at_s = now_s

    def _advance(self, now_s: float) -> None:
        rate_per_s = self.rate_per_s(now_s)
        gained = rate_per_s * max(0.0, now_s - self._at_s)
        self._credit = min(1.0 + rate_per_s, self._credit + gained)
        self._at_s = max(now_s, self._at_s)
