"""`instagram-feed feeds diff`: two posts side by side."""

import asyncio
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.feeds.reference import FeedArgument, named_bases
from consumer.operations.cli.output import JsonOption, people_console, print_json, usd
from consumer.operations.revisions.feed_difference import FeedDifference, difference
from consumer.settings import DatabaseSettings, load
from repository.operations.feed_queries import StoredFeed
from repository.operations.revision_source import FeedReference

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def diff(first: FeedArgument, second: FeedArgument, *, json: JsonOption = False) -> None:
    """Show what differs between two posts: caption, hashtags, prompt, model and figures.

    Example: instagram-feed feeds diff 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa:1 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa:2
    """
    before, after = asyncio.run(_posts(load(DatabaseSettings), first, second))
    found = difference(before, after)
    if json:
        print_json(_document(before, after, found))
    else:
        people_console().print(difference_view(found))


async def _posts(settings: DatabaseSettings, first: FeedReference, second: FeedReference) -> list[StoredFeed]:
    async with database_connection(settings) as connection:
        # apart: both names may mean the same post
        return [(await named_bases(connection, [reference]))[0].feed for reference in (first, second)]


def difference_view(found: FeedDifference) -> RenderableType:
    """Return the changed lines of each text in colour, and the figures that differ."""
    parts: list[RenderableType] = []
    for name, lines in found.texts.items():
        parts.append(Text(name if lines else f"{name}: the same", "bold"))
        parts.extend(Text(f"  {line}", COLOURS.get(line[:1], "")) for line in lines)
    grid = Table.grid(padding=(0, 2))
    for name, values in found.figures.items():
        grid.add_row(Text(name, "bold"), *(Text(_spelled(value), "") for value in values))
    return Group(*parts, grid)


def _document(first: StoredFeed, second: StoredFeed, found: FeedDifference) -> dict[str, object]:
    return {
        "first": first.instagram_feed_id,
        "second": second.instagram_feed_id,
        **found.texts,
        "figures": {name: {"first": one, "second": other} for name, (one, other) in found.figures.items()},
    }


def _spelled(value: object) -> str:
    match value:
        case None:
            return "–"
        case Decimal():
            return usd(value)
        case float():
            return f"{value:,.1f}"
        case _:
            return str(value)
