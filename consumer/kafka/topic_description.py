"""The current state of a topic: its partitions, and the id that distinguishes it from a recreated one of the same name.

aiokafka supports metadata requests up to version 5, which has no ids, and refreshes every five minutes. Version 10 has
them, and does not make the broker create a topic. Older brokers are asked in version 5.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NodeNotReadyError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

NO_ID = UUID(int=0)
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic's partitions; `topic_id` is None when the broker does not give ids.

    `operations`: the user's rights, as a bit set of Kafka's protocol; None if not requested.
    """

    topic_id: UUID | None
    partitions: frozenset[int]
    operations: int | None = None


async def describe_topic(client: AIOKafkaClient, topic: str, *, with_operations: bool = False) -> TopicDescription:
    """Ask any broker.

    Raises:
        KafkaError: it has no such topic, hides it (TopicAuthorizationFailedError), or none answers.
    """
    node_id = client.get_random_node()
    if node_id is None:
        raise NodeNotReadyError("no broker is known yet")
    response = await client.send(node_id, _DescribeTopic(topic, with_operations=with_operations))
    [found] = response.to_object()["topics"]
    if error := _error(found["error_code"]):
        raise error(topic)
    topic_id = found.get("topic_id", NO_ID)
    return TopicDescription(
        topic_id=None if topic_id == NO_ID else topic_id,
        partitions=frozenset(one["partition"] for one in found["partitions"]),
        operations=found.get("authorized_operations") if with_operations else None,
    )


def _error(code: int) -> type[KafkaError] | None:
    error: type[KafkaError] = for_code(code)
    return error if error.errno else None


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka has no types
    @classmethod
    def encode(cls, value: UUID | None) -> bytes:
        return (value or NO_ID).bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(_ID_BYTES))


_TEXT = CompactString("utf-8")


class _Response_v10(Response):  # type: ignore[misc]  # noqa: N801 - named as aiokafka names them
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _Request_v10(RequestStruct):  # type: ignore[misc]  # noqa: N801
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response_v10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _DescribeTopic(Request[MetadataRequest_v5 | _Request_v10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str, *, with_operations: bool) -> None:
        self._topic = topic
        self._with_operations = with_operations

    def build(self, request_struct_class: type[Any]) -> Any:  # noqa: ANN401
        if request_struct_class is _Request_v10:
            return _Request_v10([(NO_ID, self._topic, {})], False, False, self._with_operations, {})  # noqa: FBT003 - by position
        return MetadataRequest_v5([self._topic], False)  # noqa: FBT003
