"""`instagram-feed feeds restore`: make an older revision the current one."""

import asyncio

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.feeds.reference import FeedArgument, named_bases
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.operations.revisions.revision_source import CannotRevise
from consumer.settings import DatabaseSettings, TopicSettings, load
from repository.operations.revision_copies import RepublishedFeed
from repository.operations.revision_source import FeedReference


class RestoreSettings(DatabaseSettings, TopicSettings):
    """The settings for publishing a stored post again."""


def restore(feed: FeedArgument, *, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Make an older revision current: it is published as a new revision, without an LLM call.

    A running consumer publishes the created event within a second.

    Example: instagram-feed feeds restore 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa:1
    """
    try:
        restored = asyncio.run(_restored(load(RestoreSettings), feed, dry_run=dry_run))
    except CannotRevise as error:
        raise CommandError(str(error)) from error
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "based_on_feed_id": restored.based_on_feed_id,
                "revision": restored.revision,
                "instagram_feed_id": None if dry_run else restored.instagram_feed_id,
            }
        )
    elif dry_run:
        say(f"Post {restored.based_on_feed_id} would become revision {restored.revision}, the current one.")
    else:
        say(
            f"Post {restored.based_on_feed_id} is current again, as revision {restored.revision} "
            f"({restored.instagram_feed_id})."
        )


async def _restored(settings: RestoreSettings, reference: FeedReference, *, dry_run: bool) -> RepublishedFeed:
    # building a post imports the gate, whose patterns take a tenth of a second to compile
    from consumer.operations.revisions.revision_copies import RevisionCopier, as_it_was  # noqa: PLC0415

    async with database_connection(settings) as connection:
        [basis] = await named_bases(connection, [reference])
        republisher = RevisionCopier(connection, created_topic=settings.feed_created_topic)
        if dry_run:
            return republisher.next_revision(basis, as_it_was(basis))
        # by its own id: "the overlay's newest" may be another one by now
        named = FeedReference(basis.feed.instagram_feed_id)
        return (await republisher.republish([named], as_it_was, origin="restore"))[named]
