"""Fair shares: which tenant is next while requests are queued, by a virtual token counter per tenant.

A counter holds the tokens that a tenant has used, divided by its weight; the lowest is served next. A request is
charged its expected tokens when it starts, and corrected when it ends. A tenant that returns is lifted to the lowest
counter of those queued, so that an idle hour earns no burst. As in Sheng et al., "Fairness in Serving Large Language
Models" (OSDI 2024), with whole requests in place of decoding steps.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

FIRST_EXPECTED_TOKENS = 1_000.0
LEARNING_RATE = 0.1
MOST_ACCOUNTS = 10_000


@dataclass(frozen=True, slots=True)
class Terms:
    """A tenant's weight, and how many of its calls may be in flight at once; None for any number."""

    weight: float = 1.0
    max_in_flight: int | None = None


TermsOf = Callable[[str], Terms]


@dataclass(slots=True)
class _Account:
    """A tenant's counter, and how many tokens one of its requests is expected to take."""

    counter: float
    expected_tokens: float


class FairShares:
    """Virtual token counters, without a queue or I/O.

    `in_flight` counts requests by tenant and may be shared between instances: limits apply to their sum.
    """

    def __init__(self, terms_of: TermsOf, in_flight: Counter[str] | None = None) -> None:
        self._terms_of = terms_of
        self.in_flight: Counter[str] = Counter() if in_flight is None else in_flight
        self._accounts: dict[str, _Account] = {}
        self._most_accounts = MOST_ACCOUNTS
        self._contending: frozenset[str] = frozenset()
        self._highest = 0.0
        self._expected_tokens = FIRST_EXPECTED_TOKENS

    def counter(self, tenant_id: str) -> float:
        """Return the tokens charged to a tenant, divided by its weight."""
        return self._account(tenant_id).counter

    def room(self, tenant_id: str) -> int | None:
        """Return how many more of a tenant's requests may begin; None for any number."""
        limit = self._terms_of(tenant_id).max_in_flight
        return None if limit is None else max(0, limit - self.in_flight[tenant_id])

    def begin(self, tenant_id: str) -> float:
        """Charge a request that starts. Returns the tokens charged, to be passed to `settle`."""
        account = self._account(tenant_id)
        self._charge(tenant_id, account, account.expected_tokens)
        self.in_flight[tenant_id] += 1
        return account.expected_tokens

    def settle(self, tenant_id: str, charged: float, tokens: int | None) -> None:
        """Correct the charge by the tokens used; None if unknown, so that the charge stands."""
        self.in_flight[tenant_id] -= 1
        if not self.in_flight[tenant_id]:
            del self.in_flight[tenant_id]
        if tokens is None:
            return
        account = self._account(tenant_id)
        self._charge(tenant_id, account, tokens - charged)
        if tokens:
            account.expected_tokens += LEARNING_RATE * (tokens - account.expected_tokens)
            self._expected_tokens += LEARNING_RATE * (tokens - self._expected_tokens)

    def nobody_waits(self) -> None:
        """Record that no request is queued: the next tenant to queue starts level with all."""
        self._contending = frozenset()

    def share_out(self, waiting: Collection[str], slots: int) -> dict[str, int]:
        """Return how many of the free slots go to each tenant with queued requests; starts nothing.

        A tenant at its own limit does not count as waiting.
        """
        rooms = {tenant_id: room for tenant_id in waiting if (room := self.room(tenant_id)) != 0}
        self._lift(frozenset(rooms))
        # ties go to the one with the fewest in flight
        queue = [(self._account(one).counter, self.in_flight[one], one) for one in rooms]
        heapify(queue)
        shares: dict[str, int] = {}
        for _ in range(slots):
            if not queue:
                break
            counter, in_flight, tenant_id = queue[0]
            shares[tenant_id] = shares.get(tenant_id, 0) + 1
            if shares[tenant_id] == rooms[tenant_id]:
                heappop(queue)
                self._contending -= {tenant_id}
                continue
            step = self._account(tenant_id).expected_tokens / self._terms_of(tenant_id).weight
            heapreplace(queue, (counter + step, in_flight + 1, tenant_id))
        return shares

    def _lift(self, contending: frozenset[str]) -> None:
        there_before = contending & self._contending
        floor = min((self._account(one).counter for one in there_before), default=self._highest)
        self._contending = contending  # first, so that none of them is forgotten as idle
        for tenant_id in contending - there_before:
            account = self._account(tenant_id)
            account.counter = max(account.counter, floor)

    def _charge(self, tenant_id: str, account: _Account, tokens: float) -> None:
        account.counter += tokens / self._terms_of(tenant_id).weight
        self._highest = max(self._highest, account.counter)

    def _account(self, tenant_id: str) -> _Account:
        account = self._accounts.get(tenant_id)
        if account is None:
            if len(self._accounts) >= self._most_accounts:
                self._forget_idle()
            account = self._accounts[tenant_id] = _Account(0.0, self._expected_tokens)
        return account

    def _forget_idle(self) -> None:
        """Forget idle tenants: when they return they are lifted like any other."""
        busy = self.in_flight.keys() | self._contending
        self._accounts = {one: account for one, account in self._accounts.items() if one in busy}
        # if most are busy, searching for idle ones at each new name would take seconds
        self._most_accounts = max(MOST_ACCOUNTS, 2 * len(self._accounts))
