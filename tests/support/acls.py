"""ACLs of a broker, made by its super user; operations as Kafka's protocol numbers them."""

from typing import Any, Literal

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest

Kind = Literal["topic", "group"]
EVERY_OPERATION, READ, WRITE, DESCRIBE = 2, 3, 4, 8
_RESOURCES = {"topic": 2, "group": 3}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


async def allow(servers: str, user: str, kind: Kind, name: str, operation: int, *, is_prefix: bool = False) -> None:
    """Allow a user one operation on a resource, or on all whose names begin so."""
    client: Any = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    try:
        pattern = _PREFIXED if is_prefix else _LITERAL
        acl = (_RESOURCES[kind], name, pattern, f"User:{user}", "*", operation, _ALLOW)
        await client.send(client.get_random_node(), CreateAclsRequest(*acl))
    finally:
        await client.close()
