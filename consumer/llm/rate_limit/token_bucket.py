"""One rate limit of a model, as seen by this process, with the clock as an argument.

Two figures decide. `remaining` follows the provider's own bucket, shared by all processes of the account: it comes
with every response and is extrapolated in between. `credit` paces this process, so that a per-minute limit is spent
evenly instead of at once.

The limit is not divided among the processes. Each slows down in proportion once less than half of the limit remains,
and all see the same remainder: it settles where their rates add up to the limit (with three of them at a sixth), and
adapts when one joins, leaves or has less to do. While nearly all of it remains, the rate is up to double: the provider
counts less than we do, as OpenAI does when the usage of a call exceeds what it charged in advance.

Within any minute this lets through at most the limit plus a burst of a tenth, plus one request.
"""

from consumer.llm.rate_limit.headers import Quota

MINUTE_S = 60.0
DAY_S = 86_400.0
BURST_S = 1.0  # providers enforce per-minute limits over shorter periods too
PLENTY = 0.9
COMFORTABLE = 0.5
LEAST_SHARE = 0.05
TELLING_RESET_S = 1.0
ROUNDING = 1e-6  # waiting exactly as long as computed must be enough


class TokenBucket:
    """One limit, learned from the provider. Checked before every call, so its fields are precomputed."""

    __slots__ = ("_at_s", "_burst", "_credit", "_limit", "_period_s", "_refill_per_s", "_remaining")

    def __init__(self, quota: Quota, now_s: float) -> None:
        self._period_s = MINUTE_S
        self._at_s = now_s
        self._credit = self._remaining = float(quota.limit)
        self.learn(quota, now_s)
        self._credit = min(self._credit, self._remaining)

    @property
    def pace_per_s(self) -> float:
        """The rate of this process: the less remains for all, the smaller its share."""
        if self._period_s != MINUTE_S:
            return self._refill_per_s
        left = self._remaining / self._limit
        if left > PLENTY:
            return self._refill_per_s * (1.0 + (left - PLENTY) / (1.0 - PLENTY))
        return self._refill_per_s * min(1.0, max(LEAST_SHARE, left / COMFORTABLE))

    @property
    def limit(self) -> float:
        """Its size."""
        return self._limit

    @property
    def period_s(self) -> float:
        """Its period: a minute or a day."""
        return self._period_s

    def remaining(self, now_s: float) -> float:
        """Return the estimated remainder."""
        return min(self._limit, self._remaining + self._refill_per_s * max(0.0, now_s - self._at_s))

    @property
    def minute_pace_per_s(self) -> float:
        """The rate of a per-minute limit spent evenly; 0 for a longer limit, which does not pace."""
        return self._refill_per_s if self._period_s == MINUTE_S else 0.0

    def wait_s(self, amount: float, now_s: float, ahead: float = 0.0) -> float:
        """Return the seconds until `amount` may be spent, after `ahead` spent by others; 0 is now.

        An amount larger than the burst waits for a full burst and leaves a debt; one larger than the limit waits for
        all of it, and is then refused by the provider.
        """
        self._advance(now_s)
        wanted = ahead + amount
        if wanted <= self._credit and wanted <= self._remaining:
            return 0.0
        not_saved = ahead + min(amount, self._burst) - self._credit
        not_refilled = min(wanted, self._limit) - self._remaining
        return max(
            not_saved / self.pace_per_s if not_saved > ROUNDING else 0.0,
            not_refilled / self._refill_per_s if not_refilled > ROUNDING else 0.0,
        )

    def within(self, seconds: float) -> float:
        """Return how much may be spent in that time from the last update on."""
        return min(self._credit + self.pace_per_s * seconds, self._remaining + self._refill_per_s * seconds)

    def spend(self, amount: float) -> None:
        """Spend `amount`; a negative one returns what was not used."""
        self._credit = min(self._burst, self._credit - amount)
        self._remaining = min(self._limit, max(0.0, self._remaining - amount))

    def learn(self, quota: Quota, now_s: float) -> None:
        """Learn what the provider reports; the rest is extrapolated."""
        self._advance(now_s)
        self._limit = float(quota.limit)
        self._remaining = min(self._remaining if quota.remaining is None else quota.remaining, self._limit)
        self._period_s = period_s(quota) or self._period_s
        self._refill_per_s = self._limit / self._period_s
        if self._period_s == MINUTE_S:
            self._burst = 1.0 + self._limit * BURST_S / MINUTE_S
            self._credit = min(self._credit, self._burst)
        else:
            # pacing a daily limit would hold back events in the morning for an evening that may have none
            self._burst = self._limit
            self._credit = self._remaining

    def _advance(self, now_s: float) -> None:
        """Add what was replenished since the last update; a clock that goes back adds nothing."""
        elapsed_s = now_s - self._at_s
        if elapsed_s > 0:
            self._credit = min(self._burst, self._credit + self.pace_per_s * elapsed_s)
            self._remaining = min(self._limit, self._remaining + self._refill_per_s * elapsed_s)
            self._at_s = now_s


def period_s(quota: Quota) -> float | None:
    """Return a minute or a day, as inferred from the time until the reset; None if unclear.

    The headers do not name the period: `10000`, `9999 left`, `reset in 8.64s` is a limit for a day, as
    one request of a minute's limit would be back after 6 ms. Short times are rounded too much to tell.
    """
    if quota.remaining is None or quota.reset_s is None or quota.reset_s < TELLING_RESET_S:
        return None
    used = quota.limit - quota.remaining
    if used == 0:
        return None
    implied_s = quota.reset_s * quota.limit / used
    return DAY_S if DAY_S / 2 < implied_s < DAY_S * 2 else MINUTE_S
