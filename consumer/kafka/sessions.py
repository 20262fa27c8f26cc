"""Kafka clients for the time of a command: reached within a deadline, closed at the end.

The consumer itself opens its clients in `resources`, where a broker may take its time.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from consumer.kafka.clients import build_admin, build_producer, build_reader
from consumer.kafka.publisher import Publisher
from consumer.settings import KafkaSettings

CONNECT_DEADLINE_S = 6.0
CLOSE_DEADLINE_S = 2.0

Client = TypeVar("Client")


class BrokerUnavailable(Exception):
    """No broker answers, or the settings cannot lead to one; the message names the setting."""


@asynccontextmanager
async def connected_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that has reached a broker.

    Raises:
        BrokerUnavailable: it has not. What goes wrong later comes out as aiokafka's KafkaError.
    """
    admin = _built(lambda: build_admin(settings))
    async with _open(admin.start, admin.close, settings):
        yield admin


@asynccontextmanager
async def connected_publisher(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """A publisher that has reached a broker; raises as `connected_admin` does."""
    publisher = _built(lambda: Publisher(lambda: build_producer(settings)))
    async with _open(publisher.start, publisher.stop, settings):
        yield publisher


@asynccontextmanager
async def connected_reader(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer outside any group that has reached a broker; raises as `connected_admin` does."""
    reader = _built(lambda: build_reader(settings))
    async with _open(reader.start, reader.stop, settings):
        yield reader


def _built(build: Callable[[], Client]) -> Client:
    # what aiokafka logs about a broker that is away, the exception says as well
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return build()
    except (OSError, ssl.SSLError) as error:
        raise BrokerUnavailable(f"KAFKA_SSL_CAFILE, _CERTFILE or _KEYFILE cannot be used: {error}") from error
    except ValueError as error:
        raise BrokerUnavailable(f"KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: {error}") from error


@asynccontextmanager
async def _open(
    start: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]], settings: KafkaSettings
) -> AsyncIterator[None]:
    try:
        await _reach(start, settings)
        yield
    finally:
        # a broker that has just died must not hold the end up (aiokafka #659)
        with suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await close()


async def _reach(start: Callable[[], Awaitable[None]], settings: KafkaSettings) -> None:
    servers = settings.kafka_bootstrap_servers
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            await start()
    except (TimeoutError, KafkaConnectionError) as error:
        raise BrokerUnavailable(f"KAFKA_BOOTSTRAP_SERVERS: no broker answers at {servers}") from error
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerUnavailable(f"KAFKA_BOOTSTRAP_SERVERS: {servers} refuses ({error})") from error
