"""The topics of the settings: their configuration, and creating missing ones."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from consumer.settings import KafkaSettings, TopicSettings

MAX_RECORD_BYTES = 10_485_760  # a dead letter contains an oversized original and adds headers
USUAL_REPLICATION = 3
LEADERS_DEADLINE_S = 10.0
LEADERS_POLL_S = 0.05
MS_PER_HOUR = 3_600_000
NO_LEADER = -1

TopicState = Literal["created", "would be created", "exists"]


class TopicsRefused(Exception):
    """The broker does not create the topics; the message has its reason for each."""


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic to create; `replication` None means three replicas, or one per broker if there are fewer."""

    name: str
    partitions: int
    replication: int | None
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicResult:
    """A topic as it is, or as it would be created."""

    name: str
    state: TopicState
    partitions: int
    replication: int


def topic_names(settings: TopicSettings) -> tuple[str, str, str, str]:
    """Return the required topics: the incoming one, the two outgoing ones and the dead letter topic."""
    return (
        settings.overlay_completed_topic,
        settings.feed_created_topic,
        settings.feed_failed_topic,
        settings.dead_letter_topic,
    )


def wanted_topics(
    settings: KafkaSettings, *, partitions: int, replication: int | None, retention_hours: int | None
) -> list[WantedTopic]:
    """Return all topics, each once. The dead letter topic must accept an oversized original with added headers."""
    retention = {} if retention_hours is None else {"retention.ms": str(retention_hours * MS_PER_HOUR)}
    large = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    return [
        WantedTopic(name, partitions, replication, retention | (large if name == settings.dead_letter_topic else {}))
        for name in dict.fromkeys((*topic_names(settings), settings.feed_outcome_topic))
    ]


async def create_missing(
    admin: AIOKafkaAdminClient, wanted: Sequence[WantedTopic], *, dry_run: bool = False
) -> list[TopicResult]:
    """Create missing topics and wait until they accept records; existing ones are not changed.

    With `dry_run` the broker validates the request and creates nothing.

    Raises:
        TopicsRefused: too few brokers for the replicas, no permission, a limit of the cluster.
        KafkaError: no answer.
    """
    existing = await _existing(admin, [topic.name for topic in wanted])
    brokers = len((await admin.describe_cluster())["brokers"])
    missing = [_as_new(topic, brokers) for topic in wanted if topic.name not in existing]
    if missing:
        await _create(admin, missing, validate_only=dry_run)
    if missing and not dry_run:
        await _until_led(admin, [topic.name for topic in missing])
    made = {topic.name: _result_of(topic, dry_run=dry_run) for topic in missing}
    return [existing.get(topic.name) or made[topic.name] for topic in wanted]


async def partitions_of(admin: AIOKafkaAdminClient, topic: str) -> list[int]:
    """Return the partitions of a topic; empty if there is no such topic."""
    # request all topics: a broker may create one that is requested by name
    described = [one for one in await admin.describe_topics() if one["topic"] == topic]
    return sorted(partition["partition"] for one in described for partition in one["partitions"])


async def _existing(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, TopicResult]:
    # request all topics: a broker may create one that is requested by name
    described = [topic for topic in await admin.describe_topics() if topic["topic"] in names]
    return {
        topic["topic"]: TopicResult(
            topic["topic"], "exists", len(topic["partitions"]), len(topic["partitions"][0]["replicas"])
        )
        for topic in described
        if topic["partitions"]
    }


def _as_new(topic: WantedTopic, brokers: int) -> NewTopic:
    replication = topic.replication or min(USUAL_REPLICATION, brokers)
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.configs))


def _result_of(topic: NewTopic, *, dry_run: bool) -> TopicResult:
    state: TopicState = "would be created" if dry_run else "created"
    return TopicResult(topic.name, state, topic.num_partitions, topic.replication_factor)


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic], *, validate_only: bool) -> None:
    answer = await admin.create_topics(topics, validate_only=validate_only)
    refused: dict[str, list[str]] = {}
    for name, code, *message in answer.topic_errors:
        # created by another client at the same moment
        if code not in {0, TopicAlreadyExistsError.errno}:
            reason = message[0] if message and message[0] else for_code(code).__name__
            refused.setdefault(reason, []).append(name)
    if refused:
        raise TopicsRefused("; ".join(f"{', '.join(names)}: {reason}" for reason, names in refused.items()))


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Wait until each partition has a leader: earlier producers are refused."""
    async with asyncio.timeout(LEADERS_DEADLINE_S):
        while not _all_led(await admin.describe_topics(names)):  # noqa: ASYNC110 - the broker sends no event
            await asyncio.sleep(LEADERS_POLL_S)


def _all_led(described: Sequence[Mapping[str, list[Mapping[str, int]]]]) -> bool:
    return all(
        topic["partitions"] and all(partition["leader"] != NO_LEADER for partition in topic["partitions"])
        for topic in described
    )
