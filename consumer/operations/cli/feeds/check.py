"""`instagram-feed feeds check`: the quality gate run over stored posts."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import JsonOption, people_console, print_json
from consumer.operations.cli.tables import print_table
from consumer.settings import DatabaseSettings, PostSettings, load

if TYPE_CHECKING:
    from consumer.operations.quality_check import CheckedFeed


class CheckSettings(DatabaseSettings, PostSettings):
    """What the gate needs, and the posts."""


def check(
    *,
    tenant: Annotated[str | None, typer.Option(help="Only posts of this tenant_id.")] = None,
    json: JsonOption = False,
) -> None:
    """Show what the current quality gate would do with stored posts; nothing is changed.

    Example: instagram-feed feeds check --tenant store-apparel-1
    """
    count, found = asyncio.run(_check(load(CheckSettings), tenant))
    if json:
        print_json({"checked": count, "posts": [_document(checked) for checked in found]})
        return
    console = people_console()
    if found:
        print_table(_table(found))
    console.print(f"{count} posts checked, {len(found)} with findings.")


async def _check(settings: CheckSettings, tenant: str | None) -> tuple[int, list["CheckedFeed"]]:
    """Count the posts, and those with findings."""
    # the gate's patterns take a tenth of a second to compile, which --help does not need
    from consumer.operations.cli.configured_prompt import configured_template  # noqa: PLC0415
    from consumer.operations.quality_check import checked_feeds  # noqa: PLC0415
    from consumer.pipeline.judgement import editor_from  # noqa: PLC0415

    count, found = 0, []
    async with database_connection(settings) as connection:
        template = await configured_template(connection, settings)
        editor = editor_from(settings, our_texts=template.static_texts)
        async for checked in checked_feeds(connection, editor, tenant_id=tenant):
            count += 1
            if checked.verdicts:
                found.append(checked)
    return count, found


def _document(checked: "CheckedFeed") -> dict[str, Any]:
    feed = checked.feed
    return {
        "instagram_feed_id": feed.instagram_feed_id,
        "overlay_id": feed.overlay_id,
        "revision": feed.revision,
        "tenant_id": feed.tenant_id,
        "findings": [asdict(verdict) for verdict in checked.verdicts],
    }


def _table(found: list["CheckedFeed"]) -> Table:
    table = Table("post", "tenant", "action", "finding", box=None, header_style="bold", pad_edge=False)
    for checked in found:
        for verdict in checked.verdicts:
            table.add_row(str(checked.feed.instagram_feed_id), checked.feed.tenant_id, verdict.action, verdict.detail)
    return table
