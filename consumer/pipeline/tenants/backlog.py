"""What this process knows of the requests queued in the ledger: whose they are, and how many it read ahead itself.

The intake adds, the sweeper takes, and a census of the ledger corrects it, since other processes add and take as well.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from repository.available_requests import Census


class Backlog:
    """The tenants with queued requests, live and background, and the room to read further ahead."""

    def __init__(self, read_ahead: int) -> None:
        self._read_ahead = read_ahead
        self._ahead = 0
        self._noted = 0
        self._tenants: dict[bool, dict[str, int]] = {False: {}, True: {}}
        self._changed = asyncio.Event()

    @property
    def ahead(self) -> int:
        """Upper bound of the live requests that this process read ahead and that are still queued."""
        return self._ahead

    @property
    def room(self) -> int:
        """How many more may be read ahead."""
        return max(0, self._read_ahead - self._ahead)

    @property
    def noted(self) -> int:
        """A logical timestamp, for `correct` and `take`."""
        return self._noted

    @property
    def any_waits(self) -> bool:
        """Whether anything is queued, live or background."""
        return bool(self._tenants[False] or self._tenants[True])

    def tenants(self, *, background: bool = False) -> Collection[str]:
        """Return the tenants with queued requests."""
        return self._tenants[background]

    def enter(self, tenant_ids: Iterable[str]) -> None:
        """Note live requests that this process has read ahead."""
        self._noted += 1
        entered = list(tenant_ids)
        self._ahead += len(entered)
        self._tenants[False].update(dict.fromkeys(entered, self._noted))
        self._changed.set()

    def take(self, asked: Mapping[str, int], taken: Iterable[str], *, background: bool, since: int) -> None:
        """Record how many were asked for and whose were claimed: a tenant with fewer has nothing queued any more.

        `since` is `noted` from before the claim: what was entered later is still queued.
        """
        got = Counter(taken)
        if not background:
            self._ahead = max(0, self._ahead - got.total())
        tenants = self._tenants[background]
        for tenant_id, count in asked.items():
            if got[tenant_id] < count and tenants.get(tenant_id, 0) <= since:
                tenants.pop(tenant_id, None)
        self._changed.set()

    def correct(self, census: Census, *, since: int) -> None:
        """Apply a census; `since` is `noted` from before the query."""
        for background, found in ((False, census.live), (True, census.background)):
            entered = {one: noted for one, noted in self._tenants[background].items() if noted > since}
            self._tenants[background] = dict.fromkeys(found, since) | entered
        if self._noted == since:
            self._ahead = min(self._ahead, census.waiting)
        self._changed.set()

    async def until_changed(self) -> None:
        """Wait until something is entered or taken, or ends while something is queued."""
        self._changed.clear()
        await self._changed.wait()

    def wake_if_any(self) -> None:
        """Signal that a request has ended: a queued one may start now."""
        if self.any_waits:
            self._changed.set()
