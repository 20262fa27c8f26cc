"""How posts are named on the command line."""

from typing import Annotated
from uuid import UUID

import typer

from consumer.operations.cli.errors import CommandError, in_one_line
from repository.operations.revision_source import FeedReference, RevisionSource, find_bases
from repository.pool import Connection

METAVAR = "INSTAGRAM_FEED_ID|OVERLAY_ID[:REVISION]"


def parse_reference(text: str) -> FeedReference:
    """Read an id, or an overlay_id with a revision.

    Raises:
        typer.BadParameter: it is neither.
    """
    name, colon, revision = text.partition(":")
    try:
        return FeedReference(UUID(name), int(revision) if colon else None)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither an instagram_feed_id nor OVERLAY_ID nor OVERLAY_ID:REVISION"
        ) from None


FeedArgument = Annotated[FeedReference, typer.Argument(metavar=METAVAR, parser=parse_reference, show_default=False)]
FeedArguments = Annotated[
    list[FeedReference], typer.Argument(metavar=METAVAR, parser=parse_reference, show_default=False)
]


async def named_bases(connection: Connection, references: list[FeedReference]) -> list[RevisionSource]:
    """Return the named posts.

    Raises:
        CommandError: a name matches none.
    """
    found = await find_bases(connection, references)
    missing = [str(reference) for reference in references if reference not in found]
    if missing:
        raise CommandError(in_one_line([f"there is no post {name}" for name in missing]))
    return list(found.values())
