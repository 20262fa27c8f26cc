"""A range replayed in each mode beside a running consumer: what is entered, called, stored and sent."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devstack.endpoints import Endpoints
from tests.acceptance.service import Service, lasting_service
from tests.integration.cli.conftest import Commands
from tests.kafka_records import encoded, overlay_event, read_all, send
from tests.ledger_rows import query
from tests.topics import existing_topics
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = 60
PARTITIONS = 3


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


async def archived(service: Service, topic: str, tenant: str, count: int = EVENTS) -> list[str]:
    """So many events in a topic, two records that are none, and one event twice; gives the overlays."""
    events = [overlay_event(tenant_id=tenant) for _ in range(count)]
    values = [*map(encoded, events), b"{", encoded({"tenant_id": tenant}), encoded(events[0])]
    for partition in range(PARTITIONS):
        await send(service.servers, topic, values[partition::PARTITIONS], partition=partition)
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
        await asyncio.gather(*[service.feed(await service.send_event()) for _ in range(20)])
        longer = [encoded(overlay_event(product_description="은은한 차 향기. " * (10 * n))) for n in range(1, 21)]
        await send(service.servers, topic, longer)
        done = (await commands.run("replay", "--topic", topic, "--json")).document
    assert done["progress"]["done"] == len(longer)
    assert float(done["estimate"]["cost_usd"]) == pytest.approx(float(done["progress"]["cost_usd"]), rel=0.15)


async def test_two_at_once_and_one_killed_in_the_middle_write_each_post_once(
    service: Service, commands: Commands, topic: str
) -> None:
    overlays = await archived(service, topic, "crowded")
    replay = ("replay", "--topic", topic, "--mode", "regenerate", "--json")
    killed = await commands.start(*replay)

    async def entered() -> bool:
        statement = "SELECT 1 FROM feed_requests WHERE tenant_id = 'crowded' LIMIT 1"
        return bool(await query(service.env["DATABASE_URL"], statement))

    await eventually(entered, 30)
    killed.kill()
    await killed.wait()
    both = await asyncio.gather(commands.run(*replay), commands.run(*replay))
    assert [one.document["progress"]["pending"] for one in both] == [0, 0]
    assert await revisions(service, "crowded") == {1: EVENTS}
    assert await calls_for(service, overlays) == EVENTS
    await all_sent(service, overlays, 1)


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
    await service.send_event(overlay_id=overlay_id, tenant_id="mended")
    assert (await service.ended(overlay_id))["state"] == "failed"
    await service.announced(service.topics.failed, overlay_id)
    await service.spoil(overlay_id)
    replay = ("replay", "--topic", service.topics.dead_letter, "--tenant", "mended", "--json")

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
    (("--if-model-not", "gpt"), "go with --mode regenerate"),
)


async def test_what_cannot_be_replayed_is_told_in_one_line(service: Service, commands: Commands, topic: str) -> None:
    await archived(service, topic, "refused", count=3)
    ended = await asyncio.gather(*(commands.run("replay", "--topic", topic, *options) for options, _ in REFUSALS))
    for one, (_, told) in zip(ended, REFUSALS, strict=True):
        assert (one.exit_code, one.output) == (1, "")
        assert told in one.errors
        assert one.errors.count("\n") == 1
