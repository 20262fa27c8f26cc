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

topics = typer.Typer(help="Create the Kafka topics named in the settings.", no_args_is_help=True)


@topics.command()
def create(
    *,
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="Partitions per topic.")] = 12,
    replication: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Replicas per partition.", show_default="3, or the number of brokers if fewer"
        ),
    ] = None,
    retention_hours: Annotated[
        int | None,
        typer.Option(min=1, max=876_000, help="Retention of records.", show_default="the broker's"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the broker validate the request; create nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Create the missing ones of the five topics; existing ones are not changed.

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
        raise CommandError(f"unexpected response of the broker ({in_words(error)})") from error


def _print_table(results: Sequence[TopicResult]) -> None:
    table = Table("topic", "state", box=None, header_style="bold")
    table.add_column("partitions", justify="right")
    table.add_column("copies", justify="right")
    for result in results:
        state = result.state if result.state != "exists" else "exists, left as it is"
        table.add_row(result.name, state, str(result.partitions), str(result.replication))
    print_table(table)
