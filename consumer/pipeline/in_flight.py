"""What this process has claimed and not finished: its slots, and the leases it must extend."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from repository.errors import StoreUnavailable
from repository.requests import MAX_TAKEOVERS, ClaimedRequest
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes

WAITING_SHARE = 4
BACKGROUND_SHARE = 0.75  # of the calls at most: a live event must not wait for a background call to end
_Claim = tuple[UUID, int, int]


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """The parameters of every claim by this process."""

    owner: str
    lease_s: float
    max_event_bytes: int
    group_id: str
    event_types: EventTypes = DEFAULT_EVENT_TYPES
    max_takeovers: int = MAX_TAKEOVERS

    def require_fresh(self, claimed: list[ClaimedRequest], *, asked_at_s: float) -> list[ClaimedRequest]:
        """Return the claimed requests if the response arrived early enough for the lease to be extended in time.

        After a pause of this process or its connection, another process may have taken over, and a call would be paid
        for twice. Requests that are dropped here are taken over when their lease expires.

        Raises:
            StoreUnavailable: the response came too late.
        """
        took_s = time.monotonic() - asked_at_s
        if took_s > self.lease_s / 3:
            raise StoreUnavailable(f"a claim was answered after {took_s:.1f} s, too late for its lease")
        return claimed

    def lasts(self, leased_at_s: float) -> bool:
        """Return whether a lease of that time is certainly still held, and long enough to be extended."""
        return time.monotonic() - leased_at_s <= self.lease_s * 2 / 3


class InFlight:
    """Slots for claimed requests: `limit` being written, plus a quarter that are claimed ahead or wait to be stored.

    So the next call starts as soon as one ends, without waiting for the database. A slot is reserved before a claim and
    kept until the outcome is stored.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.slots = limit + limit // WAITING_SHARE
        self._reserved = 0
        self._held: dict[_Claim, ClaimedRequest] = {}
        self._leased_at_s: dict[_Claim, float] = {}
        self._parked: set[_Claim] = set()
        self._released = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def free(self) -> int:
        """Slots that are not reserved."""
        return self.slots - self._reserved

    @property
    def used(self) -> int:
        """Slots that are reserved or taken: requests being written, waiting for that, or waiting to be stored."""
        return self._reserved

    @property
    def held(self) -> list[ClaimedRequest]:
        """The requests whose leases this process holds."""
        return list(self._held.values())

    def leased_at_s(self, request: ClaimedRequest) -> float:
        """Return when the lease of a held request was last requested, on the monotonic clock."""
        return self._leased_at_s[_claim(request)]

    async def until_free(self, count: int = 1) -> None:
        """Wait until at least `count` slots are free; reserves nothing."""
        while self.free < count:
            self._released.clear()
            await self._released.wait()

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
        """Return reserved slots that were not used."""
        self._reserved -= count
        self._released.set()

    def hold(self, requests: Iterable[ClaimedRequest], *, leased_at_s: float) -> None:
        """Record the leases of requests claimed into reserved slots, as of the time they were requested."""
        for request in requests:
            claim = _claim(request)
            self._held[claim] = request
            self._leased_at_s[claim] = leased_at_s

    def extended(self, requests: Iterable[ClaimedRequest], *, leased_at_s: float) -> None:
        """Record that leases were extended, as of the time that was requested; finished requests are skipped."""
        self._leased_at_s.update((claim, leased_at_s) for claim in map(_claim, requests) if claim in self._leased_at_s)

    def park(self, request: ClaimedRequest) -> None:
        """Free the slot of a request whose outcome is set aside, but keep its lease.

        At most as many as there are slots; further ones keep theirs, so that memory stays bounded.
        """
        claim = _claim(request)
        if claim not in self._parked and len(self._parked) < self.slots:
            self._parked.add(claim)
            self.release(1)

    def finish(self, requests: Iterable[ClaimedRequest]) -> None:
        """Free the slots of requests whose outcome is stored."""
        claims = [_claim(request) for request in requests]
        for claim in claims:
            del self._held[claim], self._leased_at_s[claim]
        parked = self._parked.intersection(claims)
        self._parked -= parked
        self.release(len(claims) - len(parked))

    async def until_empty(self) -> None:
        """Wait until nothing is claimed and unfinished."""
        await self.until_free(self.slots)


def _claim(request: ClaimedRequest) -> _Claim:
    # with the token, because after a long pause a process may take over from itself
    return request.overlay_id, request.revision, request.fencing_token
