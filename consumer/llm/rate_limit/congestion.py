"""Congestion control after a 429: half the sending rate, then a little more each second.

It needs no known limit. Some providers name none, and OpenAI names a daily limit instead of the per-minute one if the
account has both, so the limit that was hit is often not the one in the headers. The rule is TCP's (RFC 5681; RFC 9002,
section 7.3.2): one multiplicative decrease per congestion event, then additive increase. The clock is an argument.
"""

import math

from consumer.llm.rate_limit.token_bucket import ROUNDING

DECREASE = 0.5
RECOVERY_S = 60.0  # the time in which the rate that hit the limit is added; half of that recovers it
LEAST_PER_S = 0.05
LEAST_GAIN_PER_S = 1.0 / RECOVERY_S  # added each second, so that a low rate does not stay low
MEMORY_S = 10.0  # the window in which the sending rate is measured
FADE_EVERY_S = 0.1


class CongestionControl:
    """A ceiling in requests per second; none until the first 429."""

    def __init__(self) -> None:
        self._sent = 0.0  # admissions, each decaying over MEMORY_S
        self._faded_at_s = -math.inf
        self._rate_per_s = math.inf
        self._gain_per_s = 0.0
        self._since_s = 0.0
        self._halved_at_s = -math.inf
        self._credit = 1.0
        self._at_s = 0.0

    def rate_per_s(self, now_s: float) -> float:
        """Return the ceiling; infinite if there is none."""
        return self._rate_per_s + self._gain_per_s * max(0.0, now_s - self._since_s)

    def wait_s(self, now_s: float, ahead: int = 0) -> float:
        """Return the seconds until one more request may go, after `ahead` others."""
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
        """Count a request that is sent."""
        if now_s - self._faded_at_s > FADE_EVERY_S:
            self._fade(now_s)
        self._sent += 1.0
        self._credit -= 1.0

    def halve(self, admitted_at_s: float, now_s: float, resume_at_s: float, *, named_per_s: float = 0.0) -> bool:
        """Handle the 429 of a request admitted at `admitted_at_s`; nothing is sent before `resume_at_s`.

        `named_per_s` is the rate that a per-minute limit allows, if the provider names one. After a lull the sending
        rate says little about the limit, so this is the rate to return to.

        Requests that were in flight at the last halving hit the same limit: they do not halve again. Returns whether
        this one did.
        """
        if admitted_at_s <= self._halved_at_s:
            return False
        self._fade(now_s)
        sent_per_s = min(self._sent / MEMORY_S, self.rate_per_s(now_s))
        self._rate_per_s = max(LEAST_PER_S, sent_per_s * DECREASE)
        self._gain_per_s = max(LEAST_GAIN_PER_S, max(sent_per_s, named_per_s) / RECOVERY_S)
        self._halved_at_s = now_s
        self._since_s = self._at_s = resume_at_s
        self._faded_at_s = max(now_s, resume_at_s)  # a requested pause is not a low rate
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
