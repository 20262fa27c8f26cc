"""Experiments with real processes: every overlay has the variant that the hash says, and keeps it whatever happens.

At the size of the published figures: `EXPERIMENT_OVERLAYS=10000 pytest tests/acceptance/test_experiments.py -k keeps`.
"""

import asyncio
import json
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import growthbook.core as growthbook
from scipy.stats import binomtest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.integration.operations.cli.conftest import Commands
from tests.support.consumer_process import running_consumer
from tests.support.environment import new_account
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger_rows import count_requests, query
from tests.support.service import running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

EVENTS = int(os.environ.get("EXPERIMENT_OVERLAYS", "300"))
REGENERATED = EVENTS // 10
KEYS = 12
WORK_OFF_S = 40 + EVENTS / 50
VARIANTS = ("now", "cool")
ARMS = "SELECT overlay_id::text, revision, variant, state FROM feed_requests ORDER BY revision"
POSTS = """
    SELECT feed.overlay_id::text, revision, variant, used_temperature, used_max_tokens, model_name, experiment_id::text
    FROM instagram_feeds AS feed JOIN llm_models USING (llm_model_id)
"""
ADD_CLAUDE = """
    INSERT INTO llm_models (provider, model_name, max_temperature, supports_json_schema, supports_store)
    VALUES ('anthropic', 'claude-haiku-5-5', 1.0, false, false)
"""


async def started(commands: Commands, *variants: str) -> str:
    """Start an experiment `tone` with these variants, the control first; gives its id."""
    options = [part for variant in variants[1:] for part in ("--variant", variant)]
    created = await commands.run("experiments", "create", "tone", "--control", variants[0], *options, "--json")
    assert created.exit_code == 0, created.errors
    assert (await commands.run("experiments", "start", "tone")).exit_code == 0
    return str(created.document["experiment_id"])


def assigned(overlay_id: str) -> str:
    """The variant that GrowthBook's own package gives it."""
    ranges = growthbook.getBucketRanges(2, 1, [0.7, 0.3])
    bucket = growthbook.gbhash("tone", overlay_id, 2)
    assert bucket is not None
    return VARIANTS[growthbook.chooseVariation(bucket, ranges)]


async def arms(database_url: str) -> dict[str, list[str]]:
    """The variants of each overlay, one for each of its requests."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in await query(database_url, ARMS):
        found[row["overlay_id"]].append(row["variant"])
    return dict(found)


async def test_an_overlay_keeps_its_variant_through_a_kill_a_rebalance_a_replay_and_a_regenerate(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    env = {**feed_env, "LEASE_S": "2"}
    database_url, servers, commands = env["DATABASE_URL"], stack.kafka_bootstrap_servers, Commands(env, tmp_path)
    await llm.set_latency("constant:0.3")
    experiment_id = await started(commands, "now:70", "cool:30,temperature=0.2,max_tokens=321")
    draw = random.Random(13)
    overlays = [str(UUID(int=draw.getrandbits(128), version=4)) for _ in range(EVENTS)]
    expected = {overlay_id: assigned(overlay_id) for overlay_id in overlays}

    async def all_done(count: int = EVENTS) -> bool:
        return await count_requests(database_url, "done") == count

    async def all_published() -> bool:
        return await query(database_url, "SELECT 1 FROM outbox_events LIMIT 1") == []

    async with running_consumer(env) as killed:
        for key in range(KEYS):
            events = [encoded(overlay_event(overlay_id=one)) for one in overlays[key::KEYS]]
            await send(servers, topics.incoming, events, key=str(key).encode())
        await eventually(lambda: count_requests(database_url, "done"), 20)
        async with running_consumer(env):
            killed.signal(signal.SIGKILL)
            await eventually(all_done, WORK_OFF_S)
    assert await arms(database_url) == {overlay_id: [arm] for overlay_id, arm in expected.items()}
    assert binomtest(Counter(expected.values())["now"], EVENTS, 0.7).pvalue > 0.001

    from_offset_0 = {**env, "KAFKA_GROUP_ID": f"again-{uuid4().hex[:8]}"}
    async with running_consumer(from_offset_0) as again:

        async def all_are_read_again() -> bool:
            return f'instagram_feed_events_total{{result="duplicate"}} {EVENTS}.0' in await again.metrics()

        await eventually(all_are_read_again, WORK_OFF_S)
        regenerated = await commands.run(
            "feeds", "regenerate", "--tenant", "store-apparel-1", "--limit", f"{REGENERATED}", "--yes", "--no-wait"
        )
        assert regenerated.exit_code == 0, regenerated.errors
        replayed = await commands.run("replay", "--mode", "missing", "--yes", "--json")
        assert replayed.exit_code == 0, replayed.errors

    async with running_consumer(env):
        await eventually(lambda: all_done(EVENTS + REGENERATED), WORK_OFF_S)
        await eventually(all_published, WORK_OFF_S)
    revised = await arms(database_url)
    assert Counter(map(len, revised.values())) == {1: EVENTS - REGENERATED, 2: REGENERATED}
    assert {overlay_id: set(each) for overlay_id, each in revised.items()} == {
        overlay_id: {arm} for overlay_id, arm in expected.items()
    }

    for post in await query(database_url, POSTS):
        assert post["variant"] == expected[post["overlay_id"]]
        assert post["experiment_id"] == experiment_id
        cool = post["variant"] == "cool"
        assert (post["used_temperature"] == 0.2, post["used_max_tokens"] == 321) == (cool, cool)
    # what a killed process had sent and not yet noted is sent again, byte for byte
    created = [json.loads(value) for value in {record.value for record in await read_all(servers, topics.created)}]
    assert len(created) == EVENTS + REGENERATED
    for event in created:
        assert event["experiment"] == {
            "experiment_id": experiment_id,
            "name": "tone",
            "variant": expected[event["overlay_id"]],
        }


async def test_a_variant_whose_model_is_away_waits_for_it_and_holds_up_no_other(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    database_url, claude = feed_env["DATABASE_URL"], new_account(stack)
    await query(database_url, ADD_CLAUDE)
    await claude.set_faults({"kind": "unauthorized"})
    env = {
        **feed_env,
        "LLM_FALLBACK_MODEL": "gpt-6-luna",
        "ANTHROPIC_API_KEY": "sk-ant-not-to-be-printed",
        "ANTHROPIC_BASE_URL": claude.base_url,
        "PROBE_S": "0.2",
        "MAX_IN_FLIGHT": "20",
    }
    await started(Commands(env, tmp_path), "now", "other,model=claude-haiku-5-5")
    async with running_service(env, stack, topics, llm) as service:
        overlays = await asyncio.gather(*(service.send_event() for _ in range(60)))

        async def by_variant() -> dict[str, Counter[str]]:
            found: defaultdict[str, Counter[str]] = defaultdict(Counter)
            for row in await query(database_url, ARMS):
                found[row["variant"]][row["state"]] += 1
            return dict(found)

        async def control_is_done() -> Any:  # noqa: ANN401 - what is found
            found = await by_variant()
            assert sum(count.total() for count in found.values()) == len(overlays)
            assert set(found["now"]) == {"done"}
            return found

        found = await eventually(control_is_done, 20)
        assert found["other"]["done"] == 0
        assert await service.consumer.ready_status() == 200

        await claude.set_faults()

        async def all_are_done() -> bool:
            return all(set(states) == {"done"} for states in (await by_variant()).values())

        await eventually(all_are_done, 30)
    models = {(post["variant"], post["model_name"]) for post in await query(database_url, POSTS)}
    assert models == {("now", "gpt-4o-mini"), ("other", "claude-haiku-5-5")}


async def test_what_is_told_of_a_variant_has_few_labels_and_a_stopped_experiment_ends_for_new_overlays(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    commands = Commands(feed_env, tmp_path)
    await llm.set_latency("constant:0.02")
    await started(commands, "now", "cool,temperature=0")
    async with running_service(feed_env, stack, topics, llm) as service:
        overlay_id = await service.send_event()
        feed = await service.feed(overlay_id)
        [told] = service.consumer.events("feed.stored")
        assert (told["experiment"], told["variant"]) == ("tone", feed["variant"])
        shown = await commands.run("requests", "show", overlay_id)
        assert f"experiment  tone, variant {feed['variant']}" in shown.output
        assert f"tone, variant {feed['variant']}" in (await commands.run("feeds", "show", overlay_id)).output
        as_json = (await commands.run("requests", "show", overlay_id, "--json")).document
        assert (as_json["experiment_name"], as_json["variant"]) == ("tone", feed["variant"])

        plain = await commands.run("feeds", "regenerate", overlay_id, "--without-experiment")
        assert plain.exit_code == 0, plain.errors
        assert (await arms(feed_env["DATABASE_URL"]))[overlay_id] == [feed["variant"], None]

    assert (await commands.run("experiments", "stop", "tone")).exit_code == 0
    async with running_service(feed_env, stack, topics, llm) as service:
        assert (await service.feed(await service.send_event()))["variant"] is None


async def test_a_new_overlay_that_a_replay_enters_gets_its_variant_and_a_known_one_keeps_what_it_has(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    commands = Commands(feed_env, tmp_path)
    new, known = [[overlay_event(overlay_id=str(uuid4())) for _ in range(count)] for count in (40, 5)]
    async with running_service(feed_env, stack, topics, llm) as service:
        await send(service.servers, topics.incoming, [encoded(event) for event in known])
        await eventually(lambda: count_done(feed_env, len(known)), 20)
    await started(commands, "now:70", "cool:30,temperature=0.2")
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(event) for event in new])

    replayed = await commands.run("replay", "--yes", "--no-wait", "--json")
    assert replayed.exit_code == 0, replayed.errors

    expected = {str(event["overlay_id"]): [assigned(str(event["overlay_id"]))] for event in new}
    assert await arms(feed_env["DATABASE_URL"]) == expected | {str(event["overlay_id"]): [None] for event in known}


async def count_done(env: Mapping[str, str], count: int) -> bool:
    return await count_requests(env["DATABASE_URL"], "done") == count
