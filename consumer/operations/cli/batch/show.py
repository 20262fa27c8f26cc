"""`instagram-feed batch show`."""

import asyncio
from typing import Annotated

import typer

from consumer.operations.cli.batch.chosen import chosen
from consumer.operations.cli.batch.view import document, moment, note_of, progress_of, state_of
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import JsonOption, print_json, say, usd
from consumer.settings import DatabaseSettings, load
from repository.operations.batch_queries import BatchSummary, results_of


def show(
    batch_id: Annotated[str, typer.Argument(metavar="BATCH_ID", help="Its id, or the provider's.")],
    *,
    json: JsonOption = False,
) -> None:
    """Show a batch: its state, its cost, and the results of its requests.

    Example: instagram-feed batch show 0b0d7c5e-5f0f-4f0e-9a5c-0d6a3f1b2c3d
    """
    one, results = asyncio.run(_found(batch_id))
    if json:
        print_json({**document(one), "results": results})
        return
    say(
        f"{one.batch_id}: {state_of(one)}, {progress_of(one)} requests, model {one.model_name}, USD {usd(one.cost_usd)}"
    )
    for what, when in (
        ("intended", one.intended_at),
        ("at the provider since", one.submitted_at),
        ("expected end", one.expected_end),
        ("expires", one.expires_at),
        ("ended", one.ended_at),
        ("collected", one.collected_at),
    ):
        if when:
            say(f"  {what}: {moment(when)}")
    if one.provider_batch_id:
        say(f"  provider's id: {one.provider_batch_id}")
    if results:
        say(f"  results: {', '.join(f'{count:,} {word}' for word, count in results.items())}")
    if note := note_of(one):
        say(f"  note: {note}")


async def _found(batch_id: str) -> tuple[BatchSummary, dict[str, int]]:
    async with database_connection(load(DatabaseSettings)) as connection:
        [one] = await chosen(connection, [batch_id])
        return one, await results_of(connection, one.batch_id)
