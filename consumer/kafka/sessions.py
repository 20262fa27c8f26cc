"""Kafka clients of commands: connected within a deadline, closed at the end.

The consumer opens its clients in `resources`, where a broker may take longer.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError

from consumer.errors import in_words
from consumer.kafka.clients import TOKEN_MECHANISMS, build_admin, build_producer, build_reader
from consumer.kafka.diagnosis import connection_problem
from consumer.kafka.publisher import Publisher
from consumer.kafka.tls import UnusableCertificate
from consumer.settings import KafkaSettings

CONNECT_DEADLINE_S = 6.0
CLOSE_DEADLINE_S = 2.0

Client = TypeVar("Client")


class BrokerUnavailable(Exception):
    """No broker responds, or the settings are unusable; the message names the setting."""


@asynccontextmanager
async def connected_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a connected admin client.

    Raises:
        BrokerUnavailable: no connection. Later errors are aiokafka's KafkaError.
    """
    admin = built(lambda: build_admin(settings))
    async with _open(admin.start, admin.close, settings):
        yield admin


@asynccontextmanager
async def connected_publisher(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """Yield a connected publisher; raises as `connected_admin` does."""
    publisher = built(lambda: Publisher(lambda: build_producer(settings)))
    async with _open(publisher.start, publisher.stop, settings):
        yield publisher


@asynccontextmanager
async def connected_reader(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a connected consumer outside any group; raises as `connected_admin` does."""
    reader = built(lambda: build_reader(settings))
    async with _open(reader.start, reader.stop, settings):
        yield reader


def built(build: Callable[[], Client]) -> Client:
    """Build a client from the settings.

    Raises:
        BrokerUnavailable: certificates or credentials are unusable.
    """
    try:
        return build()
    except UnusableCertificate as error:
        raise BrokerUnavailable(str(error)) from error
    except ValueError as error:
        raise BrokerUnavailable(f"KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: {error}") from error


async def reach(start: Callable[[], Awaitable[None]], settings: KafkaSettings, *, deadline_s: float) -> None:
    """Start a client within a deadline: with an unreachable advertised address it would try forever.

    Raises:
        BrokerUnavailable: it did not start; the message names the address and its failure.
    """
    if settings.kafka_sasl_mechanism in TOKEN_MECHANISMS and (problem := await connection_problem(settings)):
        raise BrokerUnavailable(problem)  # aiokafka does not notice that a token is refused
    try:
        async with asyncio.timeout(deadline_s):
            await start()
    except (TimeoutError, KafkaError, OSError, ValueError) as error:
        problem = await connection_problem(settings)
        raise BrokerUnavailable(problem or _not_started(error, settings, deadline_s)) from error


def _not_started(error: BaseException, settings: KafkaSettings, deadline_s: float) -> str:
    if isinstance(error, ClusterAuthorizationFailedError):
        return (
            "KAFKA_ENABLE_IDEMPOTENCE: the broker's ACLs do not let this user write: allow Write on the outgoing "
            "topics, or IdempotentWrite on the cluster"
        )
    what = f"within {deadline_s:g} s" if isinstance(error, TimeoutError) else f"({in_words(error)})"
    return f"KAFKA_BOOTSTRAP_SERVERS: {settings.kafka_bootstrap_servers} answers, but no client could start {what}"


@asynccontextmanager
async def _open(
    start: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None]], settings: KafkaSettings
) -> AsyncIterator[None]:
    # the exception says what aiokafka logs about an unreachable broker
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        await reach(start, settings, deadline_s=CONNECT_DEADLINE_S)
        yield
    finally:
        # a broker that has just died must not hold up the shutdown (aiokafka #659)
        with suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await close()
