"""`instagram-feed feeds reparse`: posts rebuilt from their stored answers."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from consumer.operations.cli.errors import CommandError, in_one_line
from consumer.operations.cli.feeds.diff import difference_view
from consumer.operations.cli.feeds.reference import FeedArguments
from consumer.operations.cli.output import DryRunOption, JsonOption, people_console, print_json
from consumer.settings import load

if TYPE_CHECKING:
    from consumer.operations.cli.feeds.reparse_run import ReparsedPost


def reparse(feeds: FeedArguments, *, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Rebuild posts from their stored raw answers by the current rules (MAX_HASHTAGS, quality gate), without a call.

    A post that comes out different is published as a new revision; a post that comes out the same stays as it is.

    Example: instagram-feed feeds reparse 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa --dry-run
    """
    # the gate's patterns take a tenth of a second to compile, which --help does not need
    from consumer.operations.cli.feeds.reparse_run import ReparseSettings, reparsed_posts  # noqa: PLC0415

    readings = asyncio.run(reparsed_posts(load(ReparseSettings), list(dict.fromkeys(feeds)), dry_run=dry_run))
    if json:
        print_json({"dry_run": dry_run, "posts": [_document(reading) for reading in readings]})
    else:
        _show(readings)
    problems = [reading.problem for reading in readings if reading.problem]
    if problems:
        raise CommandError(in_one_line(problems))


def _show(readings: Sequence["ReparsedPost"]) -> None:
    console = people_console()
    for reading in readings:
        became = f", revision {reading.revision}" if reading.revision else ""
        console.print(Text(f"{reading.instagram_feed_id}: {reading.result}{became}"))
        if reading.difference:
            console.print(difference_view(reading.difference))


def _document(reading: "ReparsedPost") -> dict[str, object]:
    texts = reading.difference.texts if reading.difference else {}
    return {
        "instagram_feed_id": reading.instagram_feed_id,
        "result": reading.result,
        "problem": reading.problem,
        "revision": reading.revision,
        "new_instagram_feed_id": reading.new_instagram_feed_id,
        "difference": {name: lines for name, lines in texts.items() if lines},
    }
