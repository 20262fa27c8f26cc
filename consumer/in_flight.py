"""What this process has claimed and not finished: its slots, and the leases it must extend."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from repository.errors import StoreUnavailable
from repository.requests import ClaimedRequest

WAITING_PART = 4
_Claim = tuple[UUID, int, int]


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What every claim of this process is made with."""

    owner: str
    lease_s: float
    max_event_bytes: int

    def in_time(self, claimed: list[ClaimedRequest], *, asked_at_s: float) -> list[ClaimedRequest]:
        """What was claimed, if it was answered while the lease is sure to last until it is first extended.

        After a pause of this process or of its connection, another one may have taken over by now, and
        beginning a call would pay twice. What is left lying is taken over when its lease has run out.

        Raises:
            StoreUnavailable: the answer came so late that it is as good as lost.
        """
        if not self.last(asked_at_s=asked_at_s):
            took_s = time.monotonic() - asked_at_s
            raise StoreUnavailable(f"a claim was answered after {took_s:.1f} s, too late for its lease")
        return claimed

    def last(self, *, asked_at_s: float) -> bool:
        """Whether leases asked for at that time last until they are first extended."""
        return time.monotonic() - asked_at_s <= self.lease_s / 3


class InFlight:
    """At most `limit` requests are worked on at once; with the outcomes that wait to be stored, a quarter more.

    A slot is reserved before a claim and kept until there is an outcome: the next call need not wait for the
    database. The lease is held until the outcome is stored.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._reserved = 0
        self._held: dict[_Claim, ClaimedRequest] = {}
        self._ended: set[_Claim] = set()
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def free(self) -> int:
        """Slots that nobody has reserved; fewer while many outcomes wait to be stored."""
        return self.limit - self._reserved - max(0, len(self._ended) - self.limit // WAITING_PART)

    @property
    def held(self) -> list[ClaimedRequest]:
        """The requests whose leases this process holds."""
        return list(self._held.values())

    async def until_free(self, count: int = 1) -> None:
        """Wait until at least `count` slots are free; reserves nothing."""
        while self.free < count:
            self._changed.clear()
            await self._changed.wait()

    async def reserve(self, *, at_least: int, at_most: int) -> int:
        """Wait for `at_least` slots and take up to `at_most`; returns how many were taken.

        Callers are served in the order they came, so that none starves.
        """
        async with self._turn:
            await self.until_free(at_least)
            taken = min(self.free, at_most)
            self._reserved += taken
            return taken

    def release(self, count: int) -> None:
        """Give back reserved slots that no request came to use."""
        self._reserved -= count
        self._changed.set()

    def hold(self, requests: Iterable[ClaimedRequest]) -> None:
        """Note the leases of requests just claimed into reserved slots."""
        self._held.update((_claim(request), request) for request in requests)

    def end(self, request: ClaimedRequest) -> None:
        """Free the slot of a request that has an outcome; told again, it changes nothing."""
        if (claim := _claim(request)) not in self._ended:
            self._ended.add(claim)
            self.release(1)

    def finish(self, requests: Iterable[ClaimedRequest]) -> None:
        """Forget requests whose outcome is stored."""
        for claim in map(_claim, requests):
            del self._held[claim]
            self._ended.remove(claim)
        self._changed.set()

    async def until_empty(self) -> None:
        """Wait until nothing is reserved, worked on or waiting to be stored."""
        while self._reserved or self._held:
            self._changed.clear()
            await self._changed.wait()


def _claim(request: ClaimedRequest) -> _Claim:
    # with the token: after a pause longer than the lease a process may take over from itself
    return request.overlay_id, request.revision, request.fencing_token
