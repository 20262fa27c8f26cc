"""Topics made for one test and deleted after it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code


class Topics(NamedTuple):
    """The names of the application's four topics."""

    incoming: str
    created: str
    failed: str
    dead_letter: str

    def environment(self) -> dict[str, str]:
        """The settings that name these topics."""
        return {
            "OVERLAY_COMPLETED_TOPIC": self.incoming,
            "FEED_CREATED_TOPIC": self.created,
            "FEED_FAILED_TOPIC": self.failed,
            "DEAD_LETTER_TOPIC": self.dead_letter,
        }


def unique_topics() -> Topics:
    """Four names that no other test uses."""
    run = uuid4().hex[:12]
    return Topics(*(f"{role}.{run}" for role in Topics._fields))


@asynccontextmanager
async def existing_topics(bootstrap_servers: str, names: Sequence[str], *, partitions: int) -> AsyncIterator[None]:
    """Have topics of these names while the block runs.

    Raises:
        KafkaError: the broker refuses to create one.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        for name, code, *message in answer.topic_errors:
            if code:
                raise for_code(code)(name, *message)
        yield
        await admin.delete_topics(list(names))
    finally:
        await admin.close()
