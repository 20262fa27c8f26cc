"""A cache of tenants: their profiles, and fingerprints of their last posts.

Read together for all requests of a claim, and only for tenants that are new or stale. The least recently used are
evicted.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from consumer.pipeline.tenants.fair_shares import Terms
from consumer.post.quality.gate import Context
from consumer.post.quality.likeness import RECENT_POSTS, Fingerprint, RecentPosts, fingerprint
from consumer.post.quality.source import Source, folded
from repository.errors import StoreError
from repository.pool import Pool, connection
from repository.tenants import RecentPost, TenantProfile, recent_posts, tenant_profiles
from schemas.delivery import RequestedDelivery
from schemas.overlay_completed import OverlayCompleted

log = structlog.get_logger()

PROFILE_S: Final = 45.0
"""Changes by operators must reach running consumers within a minute."""
PATIENCE_S: Final = 1.0
"""How long to wait for profiles of known tenants; while the table is locked the cached ones are used."""
AGAIN_S: Final = 10.0
POSTS_S: Final = 600.0
"""Own posts are known at once; those of other processes after this time."""
MOST_TENANTS: Final = 2_000
USUAL_TERMS: Final = Terms()


@dataclass(slots=True)
class _Known:
    profile: TenantProfile
    profile_read_at: float
    recent: RecentPosts | None = None
    posts_read_at: float = float("-inf")


class Tenants:
    """The recently seen tenants."""

    def __init__(self, pool: Pool, *, compares_posts: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._compares_posts = compares_posts
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unusual_terms: dict[str, Terms] = {}

    async def know(self, tenant_ids: Iterable[str]) -> None:
        """Read what `context` needs for these tenants.

        Raises:
            StoreError: the database cannot be read; known tenants stay known.
        """
        wanted = list(dict.fromkeys(tenant_ids))
        await self.know_profiles(wanted)
        if self._compares_posts:
            await self._read_posts([tenant_id for tenant_id in wanted if self._has_old_posts(tenant_id)])
        for tenant_id in filter(self._known.__contains__, wanted):
            self._known.move_to_end(tenant_id)
        while len(self._known) > max(MOST_TENANTS, len(wanted)):
            self._known.popitem(last=False)

    async def know_profiles(self, tenant_ids: Iterable[str]) -> None:
        """Read what `delivery_of` needs for these tenants.

        Raises:
            StoreError: the profiles of new tenants cannot be read; known tenants stay known.
        """
        old = [tenant_id for tenant_id in dict.fromkeys(tenant_ids) if self._is_old(tenant_id)]
        if any(tenant_id not in self._known for tenant_id in old):
            await self._read_profiles(old)
        else:
            await self._read_again(old)

    def context(self, event: OverlayCompleted) -> Context:
        """Return what a post for this event is judged by; defaults for an unknown tenant."""
        known = self._known.get(event.tenant_id)
        if known is None:
            return Context(Source(event))
        profile = known.profile
        return Context(Source(event), profile.sector, profile.disclosure, known.recent, event.overlay_id)

    def knows(self, tenant_id: str) -> bool:
        """Return whether `context` has this tenant's settings."""
        return tenant_id in self._known

    def delivery_of(self, event: OverlayCompleted) -> RequestedDelivery:
        """Return the delivery of an event: its own, else its tenant's, else live."""
        if event.delivery is not None:
            return event.delivery
        known = self._known.get(event.tenant_id)
        return (known and known.profile.delivery) or "live"

    def terms_of(self, tenant_id: str) -> Terms:
        """Return a tenant's weight and limit; the defaults if it was never read.

        The few others are never evicted, so that a queued tenant keeps its limit.
        """
        return self._unusual_terms.get(tenant_id, USUAL_TERMS)

    def remember(self, event: OverlayCompleted, one: Fingerprint | None) -> None:
        """Add a new post to its tenant's last ones."""
        known = self._known.get(event.tenant_id)
        if known and known.recent and one:
            known.recent.add(one, event.overlay_id)

    def _is_old(self, tenant_id: str) -> bool:
        known = self._known.get(tenant_id)
        return known is None or self._clock() - known.profile_read_at >= PROFILE_S

    def _has_old_posts(self, tenant_id: str) -> bool:
        known = self._known.get(tenant_id)
        return known is not None and self._clock() - known.posts_read_at >= POSTS_S

    async def _read_again(self, tenant_ids: list[str]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._read_profiles(tenant_ids)
        except (StoreError, TimeoutError) as error:
            log.warning("tenants.store_unavailable", error=str(error) or f"no answer within {PATIENCE_S:g} s")
            for tenant_id in tenant_ids:
                self._known[tenant_id].profile_read_at = self._clock() - PROFILE_S + AGAIN_S

    async def _read_profiles(self, tenant_ids: list[str]) -> None:
        if not tenant_ids:
            return
        async with connection(self._pool) as borrowed:
            profiles = await tenant_profiles(borrowed, tenant_ids)
        now = self._clock()
        for tenant_id, profile in profiles.items():
            known = self._known.setdefault(tenant_id, _Known(profile, now))
            known.profile, known.profile_read_at = profile, now
            # the table's check lets NaN and infinity through, which would break the order or starve the others
            weight = profile.weight if math.isfinite(profile.weight) else USUAL_TERMS.weight
            self._note_terms(tenant_id, Terms(weight, profile.max_in_flight))

    def _note_terms(self, tenant_id: str, terms: Terms) -> None:
        if terms == USUAL_TERMS:
            self._unusual_terms.pop(tenant_id, None)
        else:
            self._unusual_terms[tenant_id] = terms

    async def _read_posts(self, tenant_ids: list[str]) -> None:
        if not tenant_ids:
            return
        async with connection(self._pool) as borrowed:
            posts = await recent_posts(borrowed, tenant_ids, limit=RECENT_POSTS)
        by_tenant: dict[str, list[RecentPost]] = {tenant_id: [] for tenant_id in tenant_ids}
        for post in reversed(posts):
            by_tenant[post.tenant_id].append(post)
        for tenant_id, theirs in by_tenant.items():
            await asyncio.sleep(0)  # fifty posts take a millisecond of the event loop
            if known := self._known.get(tenant_id):
                known.recent = _remembered(theirs)
                known.posts_read_at = self._clock()


def _remembered(posts: Iterable[RecentPost]) -> RecentPosts:
    recent = RecentPosts()
    for post in posts:
        one = fingerprint(folded(post.instagram_ad_copy), folded(post.hashtags), folded(post.store_information))
        recent.add(one, post.overlay_id)
    return recent
