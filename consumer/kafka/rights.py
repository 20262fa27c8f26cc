"""The rights that the broker's ACLs give this user, checked at startup, before a post is paid for."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request

from consumer.kafka.topic_description import describe_topic
from consumer.kafka.topics import topic_names
from consumer.settings import TopicSettings

_NOT_TOLD: Final = (-(2**31), 0)  # by brokers that do not support the question


class Operation(IntEnum):
    """An operation of ACLs, with its number in Kafka's protocol."""

    READ = 3
    WRITE = 4

    def __str__(self) -> str:
        return self.name.capitalize()


def needed_rights(settings: TopicSettings) -> dict[str, Operation]:
    """Return the required operations, by topic."""
    incoming, *outgoing = topic_names(settings)
    return {incoming: Operation.READ, **dict.fromkeys(outgoing, Operation.WRITE)}


async def missing_rights(client: AIOKafkaClient, topics: Mapping[str, Operation]) -> list[str]:
    """Return the missing rights, such as `Write on topic instagram_feed.created`.

    Raises:
        KafkaError: no broker answers.
    """
    missing = []
    for topic, operation in topics.items():
        described = await describe_topic(client, topic, with_operations=True)
        if _is_denied(operation, described.operations):
            missing.append(f"{operation} on topic {topic}")
    return missing


async def may_read_group(client: AIOKafkaClient, group_id: str) -> bool:
    """Return whether offsets can be committed for the group; true if the broker does not tell.

    Raises:
        KafkaError: no broker answers, or hides the group.
    """
    node_id = await client.coordinator_lookup(CoordinationType.GROUP, group_id)
    try:
        response: Any = await client.send(node_id, _DescribeGroup(group_id), group=ConnectionGroup.COORDINATION)
    except IncompatibleBrokerVersion:
        return True
    [group] = response.to_object()["groups"]
    return bool(group["error_code"]) or not _is_denied(Operation.READ, group["authorized_operations"])


def _is_denied(operation: Operation, allowed: int | None) -> bool:
    return allowed is not None and allowed not in _NOT_TOLD and not allowed >> operation & 1


# aiokafka has no types: its classes are Any to the type checker.
class _Request_v3(DescribeGroupsRequest_v3):  # type: ignore[misc]  # noqa: N801 - named as aiokafka names them
    RESPONSE_TYPE = DescribeGroupsResponse_v3  # aiokafka parses the response without the operations


class _DescribeGroup(Request[_Request_v3]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group_id: str) -> None:
        self._group_id = group_id

    def build(self, request_struct_class: type[Any]) -> Any:  # noqa: ANN401 - the request of aiokafka
        return request_struct_class([self._group_id], True)  # noqa: FBT003 - by position
