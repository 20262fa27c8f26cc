"""`instagram-feed status` and `requests adopt`: what operators see of processes, partitions, work and losses."""

from collections.abc import Mapping

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.integration.operations.cli.conftest import Commands
from tests.support.consumer_process import running_consumer
from tests.support.examples import announcement
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.outbox_rows import put
from tests.support.topics import Topics
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("topics")


async def test_processes_partitions_lag_and_work_are_shown_in_one_table_and_as_json(
    commands: Commands, feed_env: Mapping[str, str], stack: Endpoints, topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:60")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(8)])
    async with running_consumer({**feed_env, "MAX_IN_FLIGHT": "4", "FAIR_SHARES": "false"}) as consumer:
        owner = consumer.events("consumer.started")[0]["owner"]

        async def full() -> bool:
            done = await commands.run("status", "--json")
            claimed = done.document["work"].get("claimed", {}).get("requests")
            return (claimed, [process["in_flight"] for process in done.document["processes"]]) == (5, [4])

        await eventually(full, 30)
        document = (await commands.run("status", "--json")).document
        [process] = document["processes"]
        assert (process["owner"], process["partitions"]) == (owner, [0, 1, 2, 3])
        assert process["breakers"] == {"gpt-4o-mini": None}
        assert (process["in_flight"], process["in_flight_limit"]) == (4, 4)
        assert (process["slots_used"], process["slots"], process["results_waiting"]) == (5, 5, 0)
        [claimed] = document["unfinished"]
        assert (claimed["state"], claimed["reason"], claimed["requests"]) == ("claimed", None, 5)
        assert (document["lag"], process["lag"]) == (3, 3)
        assert sorted(one["partition"] for one in document["partitions"] if one["owner"] == owner) == [0, 1, 2, 3]
        assert document["oldest_waiting"]["state"] == "claimed"
        table = (await commands.run("status")).output
        assert owner in table
        assert "0 1 2 3" in table
        assert "5 claimed" in table
        assert "5 claimed, the oldest for" in table
        assert "4/4" in table
        assert "oldest waiting: " in table


async def test_who_waits_for_a_slot_is_shown_by_tenant(
    commands: Commands, feed_env: Mapping[str, str], stack: Endpoints, topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:60")
    tenant_ids = ["flood"] * 10 + ["small"] * 2
    events = [encoded(overlay_event(tenant_id=tenant_id)) for tenant_id in tenant_ids]
    await send(stack.kafka_bootstrap_servers, topics.incoming, events, partition=0)
    async with running_consumer({**feed_env, "MAX_IN_FLIGHT": "4"}):

        async def all_read_and_as_many_begun_as_may() -> bool:
            work = (await commands.run("status", "--json")).document["work"]
            counts = {state: one["requests"] for state, one in work.items()}
            return counts == {"claimed": 5, "waiting": 7}

        await eventually(all_read_and_as_many_begun_as_may, 30)
        document = (await commands.run("status", "--json")).document
        waiting = {one["tenant_id"]: one["requests"] for one in document["waiting_tenants"]}
        assert (next(iter(waiting)), sum(waiting.values())) == ("flood", 7)
        assert document["lag"] == 0
        assert f"waiting for a slot: flood {waiting['flood']} (the oldest for " in (await commands.run("status")).output


async def test_without_a_process_nobody_reads_and_without_a_broker_the_lag_is_unknown(commands: Commands) -> None:
    done = await commands.run("status")
    assert (done.exit_code, "nobody" in done.output) == (0, True)
    away = await commands.run("status", "--json", env={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert (away.exit_code, away.document["lag"]) == (0, None)
    assert "127.0.0.1:1 refuses connections" in away.document["kafka_problem"]


async def test_events_that_wait_in_the_outbox_are_counted_with_the_oldest(
    commands: Commands, database_url: str
) -> None:
    assert (await commands.run("status", "--json")).document["outbox"] == {
        "events": 0,
        "oldest_at": None,
        "unreadable": 0,
    }
    connection = await asyncpg.connect(database_url)
    await put(connection, announcement())
    unreadable = await put(connection, announcement())
    await connection.execute("UPDATE outbox_events SET created_at = now() - interval '3 minutes'")
    await connection.execute(
        "UPDATE outbox_events SET available_at = 'infinity' WHERE outbox_id = $1", unreadable.outbox_id
    )
    await connection.close()
    assert (await commands.run("status", "--json")).document["outbox"]["events"] == 2
    told = (await commands.run("status")).output
    assert "outbox: 2 events not published yet, the oldest for 3 min" in told
    assert "1 cannot be read (relay.event_unreadable)" in " ".join(told.split())


async def test_what_another_group_left_is_named_until_it_is_adopted(
    commands: Commands, feed_env: Mapping[str, str], database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO feed_requests (overlay_id, state, tenant_id, event_id, available_at, group_id,"
        " source_topic, source_partition, source_offset, source_timestamp_ms)"
        " VALUES (gen_random_uuid(), 'waiting', 't', 'e', now(), 'retired', 'topic', 0, 0, 0)"
    )
    assert (await commands.run("status", "--json")).document["left_by_other_groups"] == {"retired": 1}
    assert "requests adopt retired" in (await commands.run("status")).output
    done = await commands.run("requests", "adopt", "retired", "--json")
    assert done.document["requests"] == 1
    assert await connection.fetchval("SELECT group_id FROM feed_requests") == feed_env["KAFKA_GROUP_ID"]
    assert (await commands.run("status", "--json")).document["left_by_other_groups"] == {}
    assert (await commands.run("requests", "adopt", feed_env["KAFKA_GROUP_ID"])).exit_code == 2
    await connection.close()


async def test_records_that_were_deleted_unread_are_shown_by_doctor_before_and_after_a_consumer_noticed(
    commands: Commands, feed_env: Mapping[str, str], stack: Endpoints, topics: Topics, llm: SimulatedLlmControl
) -> None:
    servers = stack.kafka_bootstrap_servers
    await llm.set_latency("constant:0.02")
    async with running_consumer(feed_env):  # commits the beginning of each partition

        async def committed() -> bool:
            offsets = (await commands.run("status", "--json")).document["partitions"]
            return all(one["committed"] == 0 for one in offsets)

        await eventually(committed, 30)
    await send(servers, topics.incoming, [encoded(overlay_event()) for _ in range(4)], partition=2)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.delete_records({TopicPartition(topics.incoming, 2): RecordsToDelete(4)})
    await admin.close()
    checks = {one["check"]: one for one in (await commands.run("doctor", "--json")).document["checks"]}
    assert "4 records before they were read (partition 2: 0-3)" in checks["offsets"]["detail"]
    async with running_consumer(feed_env) as consumer:
        await eventually(lambda: consumer.events("partition.records_lost"), 30)
    checks = {one["check"]: one for one in (await commands.run("doctor", "--json")).document["checks"]}
    assert "4 records were deleted before they were read, 0 of them known" in checks["losses"]["detail"]
    assert "lost: partition 2, offsets 0-3" in (await commands.run("status")).output
