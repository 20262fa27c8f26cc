"""What Prometheus reads of a process that runs: its parts as they are at the scrape, and the lag of its whole group."""

from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from consumer.app.exposed import POOL_NAME
from consumer.kafka.poller import Poller
from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.application import Application, application
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.topics import Topics
from tests.support.waiting import eventually

LEASED_S = 20.0


class Scrape:
    """Reads an application's metrics."""

    def __init__(self, consumer: Application) -> None:
        self._registry = consumer.metrics.registry

    def value(self, name: str, **labels: str) -> float | None:
        """A sample, None if there is none."""
        return self._registry.get_sample_value(f"instagram_feed_{name}", labels)

    def lag(self, topics: Topics, partition: int) -> float | None:
        """The lag of a partition."""
        labels = {"messaging_destination_name": topics.incoming, "messaging_destination_partition_id": str(partition)}
        return self.value("consumer_lag_records", **labels)

    def connections(self, state: str) -> float:
        """How many connections are in a state."""
        labels = {"db_client_connection_pool_name": POOL_NAME, "db_client_connection_state": state}
        found = self._registry.get_sample_value("db_client_connections_usage", labels)
        assert found is not None
        return found


def events(count: int) -> list[bytes]:
    return [encoded(overlay_event()) for _ in range(count)]


async def until_reading(consumer: Application, partitions: int) -> None:
    async def reads() -> bool:
        await consumer.take_in()
        return len(consumer.resources.consumer.assignment()) == partitions

    await eventually(reads, LEASED_S)


async def test_parts_are_read_as_they_are_at_the_scrape(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:600")
    async with application(feed_env, MAX_IN_FLIGHT="7", DATABASE_POOL_SIZE="3") as consumer:
        scrape = Scrape(consumer)
        assert (scrape.value("partitions_leased"), scrape.value("requests_in_flight")) == (0, 0)
        await until_reading(consumer, 4)
        await send(stack.kafka_bootstrap_servers, topics.incoming, events(3))
        await eventually(consumer.take_in, LEASED_S)
        await eventually(lambda: scrape.value("requests_in_flight") == 3)
        assert (scrape.value("partitions_leased"), scrape.value("requests_in_flight_limit")) == (4, 7)
        assert scrape.value("slots_used") == 3
        assert (scrape.value("slots_limit") or 0) >= 7
        assert (scrape.value("results_waiting"), scrape.value("llm_unavailable")) == (0, 0)
        assert scrape.connections("used") == 0
        async with consumer.resources.pool.acquire():
            assert scrape.connections("used") == 1
        assert 1 <= scrape.connections("idle") <= 3


@pytest.mark.partitions(2)
async def test_the_lag_is_of_all_partitions_whoever_reads_them_and_told_by_one_process(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    async with application(feed_env) as first, application(feed_env) as second:
        await until_reading(first, 2)

        async def is_shared() -> bool:
            for consumer in (second, first, second):
                await consumer.take_in()
            return all(len(one.resources.consumer.assignment()) == 1 for one in (first, second))

        await eventually(is_shared, LEASED_S)
        for partition, count in ((0, 3), (1, 5)):
            await send(stack.kafka_bootstrap_servers, topics.incoming, events(count), partition=partition)
        counting, other = sorted((first, second), key=lambda one: 0 not in one.app.share.leases)
        assert await counting.app.ledger_watch.run_once()
        assert not await other.app.ledger_watch.run_once()
        assert [Scrape(counting).lag(topics, partition) for partition in (0, 1)] == [3, 5]
        assert [Scrape(other).lag(topics, partition) for partition in (0, 1)] == [None, None]
        assert Scrape(other).value("requests", state="waiting", reason="") is None

        async def none_is_left() -> bool:
            await other.take_in()
            await counting.take_in()
            await counting.app.ledger_watch.run_once()
            return [Scrape(counting).lag(topics, partition) for partition in (0, 1)] == [0, 0]

        await eventually(none_is_left, LEASED_S)
        await first.finish()
        await second.finish()


@pytest.mark.partitions(2)
async def test_what_the_broker_has_deleted_and_what_nobody_has_begun_is_no_more_lag_than_there_is(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics
) -> None:
    await send(stack.kafka_bootstrap_servers, topics.incoming, events(5), partition=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topics.incoming, 1): RecordsToDelete(2)})
    finally:
        await admin.close()
    async with application(feed_env) as consumer:
        poller = Poller(consumer.resources.consumer, topics.incoming)
        assert await poller.group_lag([0, 1]) == {0: 0, 1: 3}
