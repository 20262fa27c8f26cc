"""A range replayed in each mode beside a running consumer: what is entered, called, stored and sent."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from bench.topics import existing_topics
from consumer.operations.replay.reading import MOST_PER_BATCH
from devstack.endpoints import Endpoints
from tests.integration.operations.cli.conftest import Commands
from tests.support.kafka_records import encoded, overlay_event, read_all, send, send_unreadable
from tests.support.ledger_rows import query
from tests.support.service import Service, lasting_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = 60
MORE_THAN_A_BATCH = MOST_PER_BATCH + 100
PARTITIONS = 3
LOCK_REQUEST = """
    INSERT INTO feed_requests (
        overlay_id, revision, state, tenant_id, event_id,
        source_topic, source_partition, source_offset, source_timestamp_ms)
    VALUES ($1, $2, 'waiting', 'nobody', 'evt', 'archive', 0, 0, 0)
"""
LOCK_REPUBLISHED = "INSERT INTO replay_republished (replay_id, overlay_id) VALUES ($1, $2)"
SOMEBODY_WAITS = """
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def commands(service: Service, tmp_path: Path) -> Commands:
    """Commands beside the running consumer, with its settings."""
    return Commands(service.env, tmp_path)


@pytest.fixture
async def topic(service: Service) -> AsyncIterator[str]:
    """A topic that no consumer reads, for the time of a test."""
    name = f"archive.{uuid4().hex[:12]}"
    async with existing_topics(service.servers, [name], partitions=PARTITIONS):
        yield name


async def archived(
    service: Service, topic: str, tenant: str, count: int = EVENTS, partitions: int = PARTITIONS
) -> list[str]:
    """So many events in a topic, two records that are none, and one event twice; gives the overlays."""
    events = [overlay_event(tenant_id=tenant) for _ in range(count)]
    values = [*map(encoded, events), b"{", encoded({"tenant_id": tenant}), encoded(events[0])]
    for partition in range(partitions):
        await send(service.servers, topic, values[partition::partitions], partition=partition)
    return [str(event["overlay_id"]) for event in events]


async def calls_for(service: Service, overlays: list[str]) -> int:
    """How many billed calls were made for these overlays."""
    wanted = set(overlays)
    return sum(call.billed and call.overlay_id in wanted for call in (await service.llm.ledger()).calls)


async def events_of(service: Service, overlays: list[str]) -> list[Any]:
    """Their records on the created topic."""
    wanted = {overlay.encode() for overlay in overlays}
    return [record for record in await read_all(service.servers, service.topics.created) if record.key in wanted]


async def all_sent(service: Service, overlays: list[str], times: int) -> list[Any]:
    """Their records once there are so many of each."""

    async def sent() -> list[Any]:
        records = await events_of(service, overlays)
        return records if len(records) >= times * len(overlays) else []

    records: list[Any] = await eventually(sent, 30)
    assert set(Counter(record.key for record in records).values()) == {times}
    return records


async def revisions(service: Service, tenant: str) -> Counter[int]:
    """How many posts of each revision a tenant has."""
    rows = await query(service.env["DATABASE_URL"], "SELECT revision FROM instagram_feeds WHERE tenant_id = $1", tenant)
    return Counter(row["revision"] for row in rows)


async def test_each_mode_gives_what_it_says_and_adds_nothing_when_it_is_run_again(
    service: Service, commands: Commands, topic: str
) -> None:
    overlays = await archived(service, topic, "replayed")
    replay = ("replay", "--topic", topic, "--json")

    planned = (await commands.run(*replay, "--dry-run")).document
    assert (planned["records"], planned["invalid"], planned["repeated"]) == (EVENTS + 3, 2, 1)
    assert (planned["actions"], planned["progress"]) == ({"write": EVENTS}, None)
    assert await query(service.env["DATABASE_URL"], "SELECT 1 FROM feed_requests WHERE tenant_id = 'replayed'") == []

    done = (await commands.run(*replay)).document
    assert (done["progress"]["done"], done["progress"]["failed"]) == (EVENTS, 0)
    assert await calls_for(service, overlays) == EVENTS
    first = {record.key: (record.value, record.headers) for record in await all_sent(service, overlays, 1)}
    again = (await commands.run(*replay)).document
    assert (again["to_do"], again["progress"]["done"]) == (0, EVENTS)
    other = (await commands.run(*replay, "--id", f"other-{uuid4()}")).document
    assert other["actions"] == {"has_post": EVENTS}

    sent = (await commands.run(*replay, "--mode", "republish")).document
    assert sent["progress"]["republished"] == EVENTS
    copies = await all_sent(service, overlays, 2)
    assert all((copy.value, copy.headers) == first[copy.key] for copy in copies)
    await commands.run(*replay, "--mode", "republish")
    await all_sent(service, overlays, 2)
    assert await calls_for(service, overlays) == EVENTS

    rewritten = (await commands.run(*replay, "--mode", "regenerate")).document
    assert (rewritten["actions"], rewritten["progress"]["done"]) == ({"rewrite": EVENTS}, EVENTS)
    await commands.run(*replay, "--mode", "regenerate")
    assert await revisions(service, "replayed") == {1: EVENTS, 2: EVENTS}
    assert await calls_for(service, overlays) == 2 * EVENTS

    version = json.loads(next(iter(first.values()))[0])["llm"]["prompt_version"]
    conditional = ("--mode", "regenerate", "--if-prompt-version-not", version)
    assert (await commands.run(*replay, *conditional, "--dry-run")).document["actions"] == {"not_meant": EVENTS}


async def test_what_a_replay_costs_is_known_before_within_15_percent(
    stack: Endpoints, migrated_template: str, tmp_path: Path
) -> None:
    """On a service of its own: the estimate goes by what the last posts took."""
    async with lasting_service(stack, migrated_template, {}) as service:
        commands, topic = Commands(service.env, tmp_path), service.topics.dead_letter
        for words in range(50, 250, 10):
            await service.feed(await service.send_event(product_description="은은한 차 향기. " * words))
        longer = [encoded(overlay_event(product_description="은은한 차 향기. " * (100 + 10 * n))) for n in range(20)]
        await send(service.servers, topic, longer)
        done = (await commands.run("replay", "--topic", topic, "--json")).document
    assert done["progress"]["done"] == len(longer)
    assert float(done["estimate"]["cost_usd"]) == pytest.approx(float(done["progress"]["cost_usd"]), rel=0.15)


async def cut_off(service: Service, commands: Commands, replay: Sequence[str], statement: str, *args: object) -> None:
    """Run a replay until it waits for what `statement` has locked, which must be in a later batch; kill -9 it there."""
    locking = await asyncpg.connect(service.env["DATABASE_URL"])
    try:
        await locking.execute("BEGIN")
        await locking.execute(statement, *args)
        process = await commands.start(*replay)
        await eventually(lambda: query(service.env["DATABASE_URL"], SOMEBODY_WAITS), 30)
        process.kill()
        await process.wait()
    finally:
        await locking.close()


async def test_killed_in_the_middle_and_run_again_by_two_at_once_nothing_is_twice_and_nothing_missing(
    service: Service, commands: Commands, topic: str
) -> None:
    overlays = await archived(service, topic, "crowded", count=MORE_THAN_A_BATCH, partitions=1)
    replay = ("replay", "--topic", topic, "--json", "--yes")

    async def finish(*options: str) -> None:
        """Two at once go on where the killed one was, and wait for the end of all."""
        left = (await commands.run(*replay, *options, "--dry-run")).document
        assert 0 < left["records"] < MORE_THAN_A_BATCH
        both = await asyncio.gather(commands.run(*replay, *options), commands.run(*replay, *options))
        assert [one.document["progress"]["pending"] for one in both] == [0, 0]

    await cut_off(service, commands, replay, LOCK_REQUEST, overlays[-1], 1)
    await finish()
    assert await revisions(service, "crowded") == {1: MORE_THAN_A_BATCH}
    assert await calls_for(service, overlays) == MORE_THAN_A_BATCH
    await all_sent(service, overlays, 1)

    republish = (*replay, "--mode", "republish")
    replay_id = (await commands.run(*republish, "--limit", "10")).document["replay_id"]
    await cut_off(service, commands, republish, LOCK_REPUBLISHED, replay_id, overlays[-1])
    await finish("--mode", "republish")
    await all_sent(service, overlays, 2)
    assert await calls_for(service, overlays) == MORE_THAN_A_BATCH

    await cut_off(service, commands, (*replay, "--mode", "regenerate"), LOCK_REQUEST, overlays[-1], 2)
    await finish("--mode", "regenerate")
    assert await revisions(service, "crowded") == {1: MORE_THAN_A_BATCH, 2: MORE_THAN_A_BATCH}
    assert await calls_for(service, overlays) == 2 * MORE_THAN_A_BATCH
    await all_sent(service, overlays, 3)


async def test_what_costs_more_than_agreed_wants_a_yes_and_nobody_has_to_wait(
    service: Service, commands: Commands, topic: str
) -> None:
    overlays = await archived(service, topic, "dear", count=5)
    replay = ("replay", "--topic", topic, "--max-cost-usd", "0", "--json")
    refused = await commands.run(*replay)
    assert "5 posts would be written for about USD" in refused.errors
    assert await query(service.env["DATABASE_URL"], "SELECT 1 FROM feed_requests WHERE tenant_id = 'dear'") == []
    progress = (await commands.run(*replay, "--yes", "--no-wait")).document["progress"]
    assert progress["pending"] + progress["done"] == len(overlays)
    await all_sent(service, overlays, 1)
    # nothing is left to pay for
    assert (await commands.run(*replay)).document["progress"]["done"] == len(overlays)


async def test_a_limit_a_range_and_a_tenant_take_what_they_say(
    service: Service, commands: Commands, topic: str
) -> None:
    await archived(service, topic, "limited", count=9)
    replay = ("replay", "--topic", topic, "--json")
    assert (await commands.run(*replay, "--limit", "4")).document["progress"]["done"] == 4
    assert (await commands.run(*replay, "--limit", "4")).document["progress"]["done"] == 4
    assert (await commands.run(*replay, "--limit", "6")).document["progress"]["done"] == 6
    assert (await commands.run(*replay, "--from", "2020-01-01", "--tenant", "limited")).document["progress"][
        "done"
    ] == 3
    one = (await commands.run(*replay, "--partition", "1", "--from", "0", "--to", "1", "--dry-run")).document
    assert one["records"] == 1


async def test_a_dead_letter_is_replayed_as_the_event_it_was(service: Service, commands: Commands) -> None:
    overlay_id = str(uuid4())
    await service.spoil(overlay_id, {"kind": "refusal"})
    await service.send_event(overlay_id=overlay_id, tenant_id="repaired")
    assert (await service.ended(overlay_id))["state"] == "failed"
    await service.announced(service.topics.failed, overlay_id)
    await service.spoil(overlay_id)
    replay = ("replay", "--topic", service.topics.dead_letter, "--tenant", "repaired", "--json")

    async def retried() -> Any:  # noqa: ANN401 - a JSON document
        # the dead letter may be on its way
        ended = await commands.run(*replay)
        return ended.output and ended.document

    done = await eventually(retried, 20)
    assert (done["actions"], done["progress"]["done"]) == ({"retry": 1}, 1)
    [record] = await service.announced(service.topics.created, overlay_id)
    assert json.loads(record.value)["source"]["topic"] == service.topics.incoming


REFUSALS = (
    (("--tenant", "nobody"), "--tenant: no event of the range is of tenant nobody"),
    (("--from", "latest"), "the range is empty"),
    (("--from", "2099-01-01T00:00:00Z"), "the range is empty"),
    (("--from", "5", "--partition", "9"), "has partitions 0 to 2, not 9"),
    (("--from", "500000", "--partition", "1"), "--from: offset 500000 is not there"),
    (("--from", "5"), "add --partition"),
    (("--topic", "no.such.topic"), "the broker has no topic no.such.topic"),
    (("--max-cost-usd", "0"), "more than --max-cost-usd 0"),
    (("--if-model-not", "gpt"), "need --mode regenerate"),
)


async def test_what_cannot_be_replayed_is_told_in_one_line(service: Service, commands: Commands, topic: str) -> None:
    await archived(service, topic, "refused", count=3)
    ended = await asyncio.gather(*(commands.run("replay", "--topic", topic, *options) for options, _ in REFUSALS))
    for one, (options, told) in zip(ended, REFUSALS, strict=True):
        # more than is agreed to is no wrong value
        assert (one.exit_code, one.output) == (1 if "--max-cost-usd" in options else 2, "")
        assert told in one.errors
        assert one.errors.count("\n") == 1


async def test_a_range_that_cannot_be_read_is_told_in_one_line(
    service: Service, commands: Commands, topic: str
) -> None:
    await send_unreadable(service.servers, topic, partition=1)
    ended = await commands.run("replay", "--topic", topic)
    assert (ended.exit_code, ended.output) == (1, "")
    assert "a header whose name is not UTF-8" in ended.errors
    assert ended.errors.count("\n") == 1
