"""Checks of the broker and the topics."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from consumer.errors import in_words
from consumer.kafka.rights import needed_rights
from consumer.kafka.sessions import BrokerUnavailable, connected_admin, connected_publisher
from consumer.kafka.topics import MAX_RECORD_BYTES, topic_names
from consumer.operations.doctor.finding import Examination, Finding
from consumer.operations.status.offsets import PartitionOffsets, group_offsets
from consumer.settings import KafkaSettings

CHECKS = ("broker", "topics", "offsets")
MAX_MESSAGE_BYTES = "max.message.bytes"


async def examine_kafka(settings: KafkaSettings) -> Examination:
    """Check whether a broker responds, and whether the topics exist and accept what is sent."""
    try:
        async with connected_admin(settings) as admin:
            brokers = (await admin.describe_cluster())["brokers"]
            yield Finding("broker", "ok", f"{len(brokers)} at {settings.kafka_bootstrap_servers}")
            topics = await _topics(admin, settings)
        if topics.status != "failed" and (lacking := await _lacking(settings)):
            detail = f"the broker's ACLs do not give this user {', '.join(lacking)}"
            topics = Finding("topics", "failed", detail, "allow them; docs/security.md lists the least")
        yield topics
        if topics.status != "failed":
            yield offsets_finding(await group_offsets(settings))
    except BrokerUnavailable as error:
        yield Finding("broker", "failed", str(error), "start it, or correct the setting")
    except KafkaError as error:
        yield Finding("broker", "failed", in_words(error), "see the broker's log")


def offsets_finding(partitions: Sequence[PartitionOffsets]) -> Finding:
    """Check whether the broker has deleted unread records."""
    lag = sum(one.lag for one in partitions)
    lost = [one for one in partitions if one.lost]
    if not lost:
        return Finding("offsets", "ok", f"{lag} records to be taken in, none deleted unread")
    ranges = ", ".join(f"partition {one.partition}: {one.lost.start}-{one.lost.stop - 1}" for one in lost)
    return Finding(
        "offsets",
        "warning",
        f"the broker has deleted {sum(len(one.lost) for one in lost)} records before they were read ({ranges})",
        "have upstream send them again, since a replay reads only what is still in the topic; raise its retention.ms",
    )


async def _lacking(settings: KafkaSettings) -> list[str]:
    async with connected_publisher(settings) as publisher:
        return await publisher.missing_rights(needed_rights(settings))


async def _topics(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> Finding:
    wanted = topic_names(settings)
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    if missing := [name for name in wanted if name not in partitions]:
        return Finding("topics", "failed", f"missing: {', '.join(missing)}", "run `instagram-feed topics create`")
    if settings.feed_outcome_topic not in partitions:
        return Finding(
            "topics",
            "warning",
            f"missing: {settings.feed_outcome_topic}, so outcomes of posts are not read",
            "run `instagram-feed topics create`",
        )
    limit = await _max_message_bytes(admin, settings.dead_letter_topic)
    if limit is not None and limit < MAX_RECORD_BYTES:
        return Finding(
            "topics",
            "warning",
            f"{settings.dead_letter_topic} takes records up to {limit} bytes, so not every oversized original",
            f"set its {MAX_MESSAGE_BYTES} to {MAX_RECORD_BYTES} (kafka-configs.sh --alter)",
        )
    return Finding(
        "topics", "ok", ", ".join(f"{name} ({partitions[name]})" for name in (*wanted, settings.feed_outcome_topic))
    )


async def _max_message_bytes(admin: AIOKafkaAdminClient, topic: str) -> int | None:
    """Return the limit; None if the broker forbids the query or, like Tansu, does not support it."""
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, configs={MAX_MESSAGE_BYTES: None})
    try:
        (answer,) = await admin.describe_configs([wanted])
    except KafkaError:
        return None
    entries = answer.to_object()["resources"][0]["config_entries"]
    return int(entries[0]["config_value"]) if entries else None
