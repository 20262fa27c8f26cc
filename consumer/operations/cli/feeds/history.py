"""`instagram-feed feeds history`: the revisions of an overlay."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.feeds.reference import FeedArgument
from consumer.operations.cli.feeds.view import made_by, number
from consumer.operations.cli.output import JsonOption, print_json, usd
from consumer.operations.cli.tables import WideOption, print_table
from consumer.settings import DatabaseSettings, load
from repository.operations.feed_history import Revision, revisions_of

MINUTES = "%Y-%m-%d %H:%M"


def history(
    reference: FeedArgument,
    *,
    wide: WideOption = False,
    json: JsonOption = False,
) -> None:
    """List the revisions of an overlay's post, newest first: who or what made each, and which is current.

    Requests without a post (yet) are listed with their state. The id of any revision may be given.

    Example: instagram-feed feeds history 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa
    """
    revisions = asyncio.run(_revisions(load(DatabaseSettings), reference.feed_or_overlay_id))
    if not revisions:
        raise CommandError(f"neither an overlay nor a post has the id {reference.feed_or_overlay_id}")
    if json:
        print_json([asdict(revision) for revision in revisions])
    else:
        print_table(_table(revisions), wide=wide)


async def _revisions(settings: DatabaseSettings, overlay_or_feed_id: UUID) -> list[Revision]:
    async with database_connection(settings) as connection:
        return await revisions_of(connection, overlay_or_feed_id)


def _table(revisions: list[Revision]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("rev", no_wrap=True, justify="right")
    for name in ("created (UTC)", "instagram_feed_id", "made by", "model", "prompt"):
        table.add_column(name, no_wrap=name in {"created (UTC)", "instagram_feed_id"})
    for name in ("tokens", "USD"):
        table.add_column(name, no_wrap=True, justify="right")
    numbers = {revision.instagram_feed_id: revision.revision for revision in revisions}
    for revision in revisions:
        table.add_row(
            "current" if revision.is_current else "",
            str(revision.revision),
            revision.created_at.strftime(MINUTES),
            str(revision.instagram_feed_id) if revision.instagram_feed_id else _why_no_post(revision),
            _maker(revision, numbers),
            revision.model_name or "–",
            revision.prompt_version or "–",
            number(revision.total_tokens),
            usd(revision.cost_usd),
        )
    return table


def _why_no_post(revision: Revision) -> str:
    reason = f": {revision.last_error_reason}" if revision.last_error_reason else ""
    return f"{revision.state}{reason}"


def _maker(revision: Revision, numbers: Mapping[UUID | None, int]) -> str:
    based_on = revision.based_on_feed_id
    maker = made_by(revision.origin, revision.replay_id, based_on and numbers.get(based_on, based_on))
    return f"{maker}, experiment {revision.experiment_id} {revision.variant}" if revision.experiment_id else maker
