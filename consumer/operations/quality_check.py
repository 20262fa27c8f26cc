"""The quality gate run over posts that are stored: by the current rules, each beside its tenant's earlier ones."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from consumer.post.editor import Editor
from consumer.post.quality.gate import Action, Context
from consumer.post.quality.likeness import Fingerprint, RecentPosts, fingerprint
from consumer.post.quality.source import Source, folded
from repository.operations.feed_queries import FeedTexts, feed_texts
from repository.pool import Connection
from repository.tenants import tenant_profiles
from schemas.post import InstagramPost
from schemas.quality import QualityRule

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule would do with a post, and why."""

    rule: QualityRule
    action: Action
    detail: str


@dataclass(frozen=True, slots=True)
class CheckedFeed:
    """A stored post and what the gate makes of it; no verdicts mean that it would be stored as it is."""

    feed: FeedTexts
    verdicts: tuple[Verdict, ...]


async def checked_feeds(
    connection: Connection, editor: Editor, *, tenant_id: str | None = None
) -> AsyncIterator[CheckedFeed]:
    """Yield every stored post, of one tenant if given, in the order they were stored."""
    recent: defaultdict[str, RecentPosts] = defaultdict(RecentPosts)
    after_pk = 0
    while batch := await feed_texts(connection, after_pk=after_pk, tenant_id=tenant_id, limit=AT_ONCE):
        profiles = await tenant_profiles(connection, {feed.tenant_id for feed in batch})
        for feed in batch:
            profile, theirs = profiles[feed.tenant_id], recent[feed.tenant_id]
            context = Context(Source(feed), profile.sector, profile.disclosure, theirs, feed.overlay_id)
            yield _checked(feed, editor, context)
            theirs.add(_fingerprint(feed), feed.overlay_id)
        after_pk = batch[-1].pk


def _fingerprint(feed: FeedTexts) -> Fingerprint:
    return fingerprint(folded(feed.instagram_ad_copy), folded(feed.hashtags), folded(feed.store_information))


def _checked(feed: FeedTexts, editor: Editor, context: Context) -> CheckedFeed:
    post = InstagramPost(feed.instagram_ad_copy, feed.hashtags)
    return CheckedFeed(feed, tuple(Verdict(*verdict) for verdict in editor.verdicts(post, context)))
