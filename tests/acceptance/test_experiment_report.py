"""An experiment from its creation to its report, with nothing but the command line, the topics and a consumer."""

import json
from collections.abc import Mapping
from pathlib import Path

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.integration.operations.cli.conftest import Commands
from tests.support.kafka_records import encoded, overlay_event, send
from tests.support.ledger_rows import query
from tests.support.outcomes import outcome_event
from tests.support.service import DEADLINE_S, running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

OVERLAYS = 60
LIKES = {"plain": 10, "bold": 30}


async def test_what_is_created_started_written_and_liked_is_in_the_report(
    feed_env: Mapping[str, str], stack: Endpoints, topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    commands = Commands(feed_env, tmp_path)
    await llm.set_latency("constant:0.02")
    arms = ("--control", "plain,temperature=0.2", "--variant", "bold,temperature=0.9")
    for arguments in (("create", "tone", *arms), ("start", "tone")):
        done = await commands.run("experiments", *arguments)
        assert done.exit_code == 0, done.errors

    async with running_service(feed_env, stack, topics, llm) as service:
        await service.send(*(encoded(overlay_event()) for _ in range(OVERLAYS)))

        async def posts() -> list[dict[str, object]]:
            found = await query(feed_env["DATABASE_URL"], "SELECT * FROM instagram_feeds")
            return found if len(found) == OVERLAYS else []

        feeds = await eventually(posts, DEADLINE_S)
        events = [
            outcome_event(feed["instagram_feed_id"], value=LIKES[str(feed["variant"])] + place % 5)  # type: ignore[arg-type]
            for place, feed in enumerate(feeds)
        ]
        await send(stack.kafka_bootstrap_servers, topics.outcome, [json.dumps(event).encode() for event in events])

        async def all_told() -> bool:
            told = await query(feed_env["DATABASE_URL"], "SELECT count(*) AS told FROM feed_outcomes")
            return bool(told[0]["told"] == OVERLAYS)

        await eventually(all_told, DEADLINE_S)

    report = (await commands.run("experiments", "report", "tone", "--json")).document
    assert sum(arm["stored"] for arm in report["variants"]) == OVERLAYS
    assert [arm["with_outcome"] for arm in report["variants"]] == [arm["assigned"] for arm in report["variants"]]
    assert all(arm["means"]["cost_usd"] > 0 for arm in report["variants"])
    assert report["verdict"].startswith('"bold" has ')
    [likes] = [one for one in report["comparisons"] if one["role"] == "headline"]
    assert 1.2 < likes["relative"]["estimate"] < 1.8
