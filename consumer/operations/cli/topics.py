"""`instagram-feed topics`: the topics of the settings."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from consumer.errors import in_words
from consumer.kafka.sessions import BrokerUnavailable, connected_admin
from consumer.kafka.topics import TopicResult, TopicsRefused, WantedTopic, create_missing, wanted_topics
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import JsonOption, print_json
from consumer.operations.cli.tables import print_table
from consumer.settings import KafkaSettings, load

topics = typer.Typer(help="Create the Kafka topics that the settings name.", no_args_is_help=True)


@topics.command()
def create(
    *,
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Partitions of each topic: how many consumers can share it.")
    ] = 12,
    replication: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Copies of each partition.", show_default="3, or fewer brokers"),
    ] = None,
    retention_hours: Annotated[
        int | None,
        typer.Option(min=1, max=876_000, help="How long records are kept.", show_default="the broker's"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Have the broker check it; create nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Create those of the five topics that are missing; existing ones are left as they are.

    Their names are the settings OVERLAY_COMPLETED_TOPIC, FEED_CREATED_TOPIC, FEED_FAILED_TOPIC,
    DEAD_LETTER_TOPIC and FEED_OUTCOME_TOPIC.

    Example: instagram-feed topics create --partitions 24 --retention-hours 168
    """
    settings = load(KafkaSettings)
    wanted = wanted_topics(settings, partitions=partitions, replication=replication, retention_hours=retention_hours)
    results = asyncio.run(_create(settings, wanted, dry_run=dry_run))
    if json:
        print_json({"topics": [asdict(result) for result in results]})
    else:
        _print_table(results)


async def _create(settings: KafkaSettings, wanted: Sequence[WantedTopic], *, dry_run: bool) -> list[TopicResult]:
    try:
        async with connected_admin(settings) as admin:
            return await create_missing(admin, wanted, dry_run=dry_run)
    except BrokerUnavailable as error:
        raise CommandError(str(error)) from error
    except TopicsRefused as error:
        raise CommandError(f"the broker refuses: {error}") from error
    except (KafkaError, TimeoutError) as error:
        raise CommandError(f"the broker does not answer as it should ({in_words(error)})") from error


def _print_table(results: Sequence[TopicResult]) -> None:
    table = Table("topic", "state", box=None, header_style="bold")
    table.add_column("partitions", justify="right")
    table.add_column("copies", justify="right")
    for result in results:
        state = result.state if result.state != "exists" else "exists, left as it is"
        table.add_row(result.name, state, str(result.partitions), str(result.replication))
    print_table(table)
