"""`instagram-feed feeds purge`: removes raw answers and prompts of old posts for good."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.filesize import decimal as in_bytes

from consumer.operations.cli.age import parse_age
from consumer.operations.cli.agreement import YesOption, agree
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import EXIT_INTERRUPTED, CommandError
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.operations.cli.progress import progress_bar
from consumer.operations.cli.signals import cancel_on_signals
from consumer.settings import DatabaseSettings, load
from repository.operations.retention import Purgeable, purge_batch, purge_calls, purgeable

BATCH = 1_000
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def purge(
    *,
    older_than: Annotated[timedelta, typer.Option(parser=parse_age, metavar="AGE", help="Age of posts: 12h, 90d, 8w.")],
    tenant: Annotated[str | None, typer.Option(help="Only posts of this tenant_id.")] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Remove raw answers and prompts (gpt_response_raw, gpt_prompt_used) of old posts for good.

    Also purges the calls in llm_calls whose requests have ended. Texts, figures, token usage and published events stay.
    Purged posts cannot be reparsed, and purged answers not judged again. If interrupted, the next run resumes.

    Example: instagram-feed feeds purge --older-than 90d --dry-run
    """
    settings, before = load(DatabaseSettings), datetime.now(UTC) - older_than
    found = asyncio.run(_found(settings, before, tenant))
    purged, is_interrupted = 0, False
    is_something = found.posts or found.calls
    if is_something and not dry_run:
        agree(f"{_sentence(found, before)} They will be purged for good.", yes=yes)
        purged, is_interrupted = asyncio.run(_purged(settings, before, tenant, found.posts))
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "created_before": before,
                "tenant_id": tenant,
                "posts": found.posts,
                "stored_bytes": found.stored_bytes,
                "calls": found.calls,
                "purged": purged,
            }
        )
    elif dry_run or not is_something:
        say(_sentence(found, before))
    else:
        say(f"{purged} posts{_calls(found)} purged.")
    if is_interrupted:
        raise CommandError(f"interrupted after {purged} posts; run it again to continue", exit_code=EXIT_INTERRUPTED)


async def _found(settings: DatabaseSettings, before: datetime, tenant: str | None) -> Purgeable:
    async with database_connection(settings) as connection:
        return await purgeable(connection, before=before, tenant_id=tenant)


def _sentence(found: Purgeable, before: datetime) -> str:
    size = f", about {in_bytes(found.stored_bytes)} as stored" if found.posts else ""
    what = f"{found.posts} posts{_calls(found)}"
    return f"{what} from before {before:%Y-%m-%d %H:%M} UTC have raw answers or prompts{size}."


def _calls(found: Purgeable) -> str:
    return f" and {found.calls} calls" if found.calls else ""


async def _purged(settings: DatabaseSettings, before: datetime, tenant: str | None, total: int) -> tuple[int, bool]:
    """Return how many posts were purged, and whether a signal ended it."""
    purged, after = 0, BEGINNING
    cancel_on_signals()
    async with database_connection(settings) as connection:
        with progress_bar("purging", total) as report:
            try:
                while batch := await purge_batch(connection, before=before, tenant_id=tenant, after=after, limit=BATCH):
                    purged, after = purged + batch.posts, batch.last_created_at
                    report(purged)
                while await purge_calls(connection, before=before, tenant_id=tenant, limit=BATCH):
                    pass
            except asyncio.CancelledError:
                return purged, True
    return purged, False
