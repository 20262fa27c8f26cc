"""The logic of `feeds reparse`: reads stored answers again, and publishes posts that come out different."""

from dataclasses import dataclass, replace
from uuid import UUID

from consumer.operations.cli.configured_prompt import configured_template
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.feeds.reference import named_bases
from consumer.operations.revisions.feed_difference import FeedDifference, difference
from consumer.operations.revisions.reparse import is_same, reparsed
from consumer.operations.revisions.revision_copies import RevisionCopier
from consumer.operations.revisions.revision_source import CannotRevise
from consumer.pipeline.judgement import editor_from
from consumer.post.editor import Editor
from consumer.post.quality.gate import Context
from consumer.post.quality.source import Source
from consumer.settings import DatabaseSettings, PostSettings, TopicSettings
from repository.operations.feed_queries import StoredFeed
from repository.operations.revision_source import FeedReference, RevisionSource
from repository.tenants import tenant_profiles


class ReparseSettings(DatabaseSettings, TopicSettings, PostSettings):
    """The settings for reading stored answers."""


@dataclass(frozen=True, slots=True)
class ReparsedPost:
    """The result for one post: a problem, or what differs from the stored post (None: nothing)."""

    instagram_feed_id: UUID
    problem: str | None = None
    difference: FeedDifference | None = None
    revision: int | None = None
    new_instagram_feed_id: UUID | None = None

    @property
    def result(self) -> str:
        """In a word: unusable, unchanged, changed or republished."""
        if self.problem:
            return "unusable"
        if self.difference is None:
            return "unchanged"
        return "republished" if self.new_instagram_feed_id else "changed"


async def reparsed_posts(
    settings: ReparseSettings, references: list[FeedReference], *, dry_run: bool
) -> list[ReparsedPost]:
    """Read the answers of these posts again, and publish what differs unless it is a dry run."""
    async with database_connection(settings) as connection:
        template = await configured_template(connection, settings)
        editor = editor_from(settings, our_texts=template.static_texts)
        bases = {basis.feed.instagram_feed_id: basis for basis in await named_bases(connection, references)}
        republisher = RevisionCopier(connection, created_topic=settings.feed_created_topic)
        profiles = await tenant_profiles(connection, {basis.feed.tenant_id for basis in bases.values()})

        def context_of(feed: StoredFeed) -> Context:
            profile = profiles[feed.tenant_id]
            return Context(Source(feed), sector=profile.sector, disclosure=profile.disclosure)

        readings = [_reading(basis, republisher, editor, context_of(basis.feed)) for basis in bases.values()]
        changed = [FeedReference(reading.instagram_feed_id) for reading in readings if reading.difference]
        if dry_run or not changed:
            return readings
        published = await republisher.republish(
            changed, lambda basis: reparsed(basis.feed, editor, context_of(basis.feed)), origin="reparse"
        )
        new = {feed.based_on_feed_id: feed for feed in published.values()}
        return [
            replace(reading, revision=feed.revision, new_instagram_feed_id=feed.instagram_feed_id)
            if (feed := new.get(reading.instagram_feed_id))
            else reading
            for reading in readings
        ]


def _reading(basis: RevisionSource, republisher: RevisionCopier, editor: Editor, context: Context) -> ReparsedPost:
    feed = basis.feed
    try:
        revised = reparsed(feed, editor, context)
        post = revised.post
        if is_same(feed, post):
            return ReparsedPost(feed.instagram_feed_id)
        after = replace(feed, instagram_ad_copy=post.instagram_ad_copy, hashtags=post.hashtags)
        revision = republisher.next_revision(basis, revised).revision
        return ReparsedPost(feed.instagram_feed_id, difference=difference(feed, after), revision=revision)
    except CannotRevise as error:
        return ReparsedPost(feed.instagram_feed_id, problem=str(error))
