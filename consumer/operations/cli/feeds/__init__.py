"""`instagram-feed feeds`: stored posts."""

import asyncio
import json as json_module
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.feeds.check import check
from consumer.operations.cli.feeds.diff import diff
from consumer.operations.cli.feeds.history import history
from consumer.operations.cli.feeds.purge import purge
from consumer.operations.cli.feeds.reference import FeedArgument
from consumer.operations.cli.feeds.regenerate import regenerate
from consumer.operations.cli.feeds.reparse import reparse
from consumer.operations.cli.feeds.restore import restore
from consumer.operations.cli.feeds.view import feeds_table, full_view, post_view
from consumer.operations.cli.moments import in_utc
from consumer.operations.cli.output import (
    CsvOption,
    JsonOption,
    people_console,
    print_csv,
    print_json,
    refuse_both,
    say,
)
from consumer.operations.cli.tables import WideOption, print_table
from consumer.settings import DatabaseSettings, load
from repository.operations.feed_queries import (
    FeedSummary,
    RequestStanding,
    StoredFeed,
    list_feeds,
    newest_request,
)
from repository.operations.revision_source import FeedReference, find_bases

LONG_FIELDS = ("gpt_prompt_used", "gpt_response_raw")
JSON_FIELDS = ("gpt_response_raw", "token_usage", "quality")

feeds = typer.Typer(help="List, inspect, revise and purge stored posts.", no_args_is_help=True)


@feeds.command("list")
def list_(  # noqa: PLR0913 - the options of one command
    *,
    tenant: Annotated[str | None, typer.Option(help="Only posts of this tenant_id.")] = None,
    job: Annotated[UUID | None, typer.Option(help="Only posts of this job_id.")] = None,
    overlay: Annotated[UUID | None, typer.Option(help="Only posts of this overlay_id, all revisions.")] = None,
    model: Annotated[str | None, typer.Option(help="Only posts by this model_name.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only posts created at this time (UTC) or later.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only posts created before this time (UTC).")] = None,
    current: Annotated[bool, typer.Option("--current", help="Only the newest revision of each overlay.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of rows.")] = 20,
    wide: WideOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """List posts, newest first.

    Example: instagram-feed feeds list --tenant store-apparel-1 --limit 5
    """
    refuse_both(json=json, csv=csv)
    settings = load(DatabaseSettings)

    async def query() -> list[FeedSummary]:
        async with database_connection(settings) as connection:
            return await list_feeds(
                connection,
                tenant_id=tenant,
                job_id=job,
                overlay_id=overlay,
                model_name=model,
                since=in_utc(since),
                until=in_utc(until),
                only_current=current,
                limit=limit,
            )

    found = asyncio.run(query())
    if json:
        print_json([asdict(feed) for feed in found])
    elif csv:
        print_csv([asdict(feed) for feed in found], [field.name for field in fields(FeedSummary)])
    elif found:
        print_table(feeds_table(found), wide=wide)
    else:
        say("No posts.")


@feeds.command()
def show(
    reference: FeedArgument,
    *,
    full: Annotated[bool, typer.Option("--full", help="Include the inputs, the prompt and the raw answer.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a post with its metadata; for an overlay, its newest revision unless another is named.

    Example: instagram-feed feeds show 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa
    """
    feed = asyncio.run(_found(load(DatabaseSettings), reference))
    if json:
        print_json(_document(feed, full=full))
        return
    console = people_console()
    console.print(post_view(feed))
    if full:
        console.print(full_view(feed))


async def _found(settings: DatabaseSettings, reference: FeedReference) -> StoredFeed:
    """Return the post.

    Raises:
        CommandError: there is none; the message says what is known of the overlay.
    """
    async with database_connection(settings) as connection:
        found = await find_bases(connection, [reference])
        request = None if found else await newest_request(connection, reference.feed_or_overlay_id)
    if not found:
        raise CommandError(_why_not(reference, request))
    return found[reference].feed


def _why_not(reference: FeedReference, request: RequestStanding | None) -> str:
    if request is None:
        return f"neither a post nor an overlay has the id {reference}"
    reason = f": {request.last_error_reason}, {request.last_error_detail}" if request.last_error_reason else ""
    attempts = f" after {request.attempts} attempts" if request.attempts else ""
    return f"overlay {reference} has no post; its request is {request.state}{attempts}{reason}"


def _document(feed: StoredFeed, *, full: bool) -> dict[str, Any]:
    document = asdict(feed)
    for name in JSON_FIELDS:
        document[name] = None if document[name] is None else json_module.loads(document[name])
    return document if full else {name: value for name, value in document.items() if name not in LONG_FIELDS}


for command in (history, diff, check, regenerate, restore, reparse, purge):
    feeds.command()(command)
