"""The Kafka clients and the schema registry: opened, with topics, group and ACLs checked."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NodeNotReadyError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from consumer.errors import StartupError
from consumer.kafka.clients import build_consumer, build_producer, renew_login
from consumer.kafka.diagnosis import connection_problem
from consumer.kafka.publisher import Publisher
from consumer.kafka.rights import Operation, needed_rights
from consumer.kafka.schema_registry import Framings, RegistryProblem, register_outputs
from consumer.kafka.sessions import BrokerUnavailable, built, reach
from consumer.kafka.topics import topic_names
from consumer.resources.closing import closed_in_time
from consumer.settings import Settings
from consumer.settings.current import CurrentSettings

log = structlog.get_logger()

START_DEADLINE_S = 30.0  # a freshly started broker must find its coordinators first
ANSWER_S = 10.0

Answer = TypeVar("Answer")


async def register_schemas(settings: Settings) -> Framings:
    """Register the schemas of outgoing events if a registry is set, and return their framings.

    Raises:
        StartupError: the registry refuses them.
    """
    try:
        return await register_outputs(settings)
    except RegistryProblem as error:
        raise StartupError(str(error)) from error


async def open_kafka(
    current: CurrentSettings, stack: AsyncExitStack, framings: Framings
) -> "tuple[Publisher, AIOKafkaConsumer[bytes, bytes], AIOKafkaConsumer[bytes, bytes]]":
    """Open the publisher and the consumers of events and outcomes; check topics, group and ACLs.

    Raises:
        StartupError: the first thing that is missing.
    """
    settings = current.now
    try:
        publisher = built(lambda: Publisher(lambda: build_producer(current.now), framings))
        await _start(publisher, settings, stack)
        await _require_topics(publisher, settings)
        consumer = built(lambda: build_consumer(settings))
        await _start(consumer, settings, stack)
        await _require_group(consumer, publisher, settings)
        await _look_for_outcomes(publisher, settings)
        outcome_consumer = built(lambda: build_consumer(settings))
        await _start(outcome_consumer, settings, stack)
    except BrokerUnavailable as error:
        raise StartupError(str(error)) from error
    current.on_change(publisher.renew_login)
    for each in (consumer, outcome_consumer):
        current.on_change(partial(renew_login, each))
    return publisher, consumer, outcome_consumer


async def _start(
    client: "AIOKafkaConsumer[bytes, bytes] | Publisher", settings: Settings, stack: AsyncExitStack
) -> None:
    stack.push_async_callback(closed_in_time, type(client).__name__, client.stop)
    await reach(client.start, settings, deadline_s=START_DEADLINE_S)


async def _require_topics(publisher: Publisher, settings: Settings) -> None:
    missing, hidden = [], []
    for name in sorted(set(topic_names(settings))):
        try:
            await _answered(publisher.describe_topic(name), settings)
        except UnknownTopicOrPartitionError:
            missing.append(name)
        except TopicAuthorizationFailedError:
            hidden.append(name)
    if hidden:
        raise StartupError(f"the broker's ACLs do not let this user see topic {', '.join(hidden)}: allow Describe")
    if missing:
        raise StartupError(f"the broker has no topic {', '.join(missing)}: run `instagram-feed topics create`")
    await _require_rights(publisher, settings)


async def _require_rights(publisher: Publisher, settings: Settings) -> None:
    if lacking := await _answered(publisher.missing_rights(needed_rights(settings)), settings):
        raise StartupError(f"the broker's ACLs do not give this user {', '.join(lacking)}")


async def _look_for_outcomes(publisher: Publisher, settings: Settings) -> None:
    """Log once if no outcomes can be read; posts are written all the same."""
    topic, lacking = settings.feed_outcome_topic, ""
    try:
        lacking = ", ".join(await _answered(publisher.missing_rights({topic: Operation.READ}), settings))
    except (UnknownTopicOrPartitionError, TopicAuthorizationFailedError) as error:
        lacking = type(error).__name__
    if lacking:
        advice = "run `instagram-feed topics create`, or allow Read"
        log.warning("outcomes.no_topic", topic=topic, error=lacking, advice=advice)


async def _require_group(consumer: "AIOKafkaConsumer[bytes, bytes]", publisher: Publisher, settings: Settings) -> None:
    """Check access to the group: its committed offsets are read and written, although no process joins it."""
    group_id = settings.kafka_group_id
    try:
        await _answered(consumer.committed(TopicPartition(settings.overlay_completed_topic, 0)), settings)
        may_commit = await _answered(publisher.may_read_group(group_id), settings)
    except GroupAuthorizationFailedError:
        may_commit = False
    if not may_commit:
        raise StartupError(f"KAFKA_GROUP_ID: the broker's ACLs do not give this user Read on group {group_id}")


async def _answered(asked: Awaitable[Answer], settings: Settings) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await asked
    except (TimeoutError, NodeNotReadyError, KafkaConnectionError, RequestTimedOutError) as error:
        problem = await connection_problem(settings)
        servers = settings.kafka_bootstrap_servers
        raise StartupError(
            problem or f"KAFKA_BOOTSTRAP_SERVERS: {servers} gives no answer within {ANSWER_S:g} s"
        ) from error
