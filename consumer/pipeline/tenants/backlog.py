"""What waits in the ledger, as far as this process knows: whose requests, and how many it has read ahead itself.

The intake adds to it, the sweeper takes from it, and a census of the ledger sets it right: other processes add and
take, too.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from repository.available_requests import Census


class Backlog:
    """The tenants with requests waiting, live ones and in the background, and the room to read further ahead."""

    def __init__(self, read_ahead: int) -> None:
        self._read_ahead = read_ahead
        self._ahead = 0
        self._noted = 0
        self._tenants: dict[bool, dict[str, int]] = {False: {}, True: {}}
        self._changed = asyncio.Event()

    @property
    def ahead(self) -> int:
        """How many live requests wait that this process has read ahead, at most."""
        return self._ahead

    @property
    def room(self) -> int:
        """How many more may be read ahead."""
        return max(0, self._read_ahead - self._ahead)

    @property
    def noted(self) -> int:
        """A mark in time, for `correct`."""
        return self._noted

    @property
    def any_waits(self) -> bool:
        """Whether anything waits, live or in the background."""
        return bool(self._tenants[False] or self._tenants[True])

    def tenants(self, *, background: bool = False) -> Collection[str]:
        """Return whose requests wait."""
        return self._tenants[background]

    def enter(self, tenant_ids: Iterable[str]) -> None:
        """Note live requests that this process has read ahead."""
        self._noted += 1
        entered = list(tenant_ids)
        self._ahead += len(entered)
        self._tenants[False].update(dict.fromkeys(entered, self._noted))
        self._changed.set()

    def take(self, asked: Mapping[str, int], taken: Iterable[str], *, background: bool, since: int) -> None:
        """Note how many were asked for, and whose requests came: of whom fewer came nothing waits any more.

        `since` is what `noted` was before: what was entered meanwhile still waits.
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
        """Note what the ledger says; `since` is what `noted` was before it was asked."""
        for background, found in ((False, census.live), (True, census.background)):
            entered = {one: noted for one, noted in self._tenants[background].items() if noted > since}
            self._tenants[background] = dict.fromkeys(found, since) | entered
        if self._noted == since:
            self._ahead = min(self._ahead, census.waiting)
        self._changed.set()

    async def until_changed(self) -> None:
        """Wait until something is entered or taken, or ends while something waits."""
        self._changed.clear()
        await self._changed.wait()

    def wake_if_any(self) -> None:
        """Note that a request has ended: one that waits may begin now."""
        if self.any_waits:
            self._changed.set()
