"""One post regenerated, restored, reparsed and purged from the command line: rows, calls and what was published."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operations.cli.conftest import Commands
from tests.support.ledger_rows import query
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def commands(service: Service, tmp_path: Path) -> Commands:
    """Commands beside the running consumer, with its settings."""
    return Commands(service.env, tmp_path)


async def published(service: Service, overlay_id: str, revision: int) -> dict[str, Any]:
    """The created event of a revision, once it is on its topic; nothing was published twice by then."""

    async def of_revision() -> list[dict[str, Any]]:
        records = await service.announced(service.topics.created, overlay_id)
        events = [json.loads(record.value) for record in records]
        assert len({event["revision"] for event in events}) == len(events)
        return [event for event in events if event["revision"] == revision]

    events: list[dict[str, Any]] = await eventually(of_revision, 20)
    return events[0]


async def revision(service: Service, overlay_id: str, number: int) -> dict[str, Any]:
    """The row of a revision."""
    [row] = [row for row in await service.rows("instagram_feeds", overlay_id) if row["revision"] == number]
    return row


async def test_a_post_goes_through_revisions_and_each_is_published_as_what_it_is(
    service: Service, commands: Commands
) -> None:
    overlay_id = await service.send_event(gpt_prompt="", tenant_id="revisions")
    await service.feed(overlay_id)
    first = await published(service, overlay_id, 1)

    planned = (await commands.run("feeds", "regenerate", overlay_id, "--dry-run", "--json")).document
    assert (planned["posts"], planned["requests"]) == (1, [])
    assert Decimal(planned["estimated_usd"]) == Decimal(first["metrics"]["cost_usd"])
    regenerated = (await commands.run("feeds", "regenerate", overlay_id, "--json")).document
    [request] = regenerated["requests"]
    second = await published(service, overlay_id, 2)
    assert (request["state"], request["instagram_feed_id"]) == ("done", second["instagram_feed_id"])
    assert second["source"] == first["source"]
    assert second["event_id"] != first["event_id"]
    assert second["metrics"]["llm_calls"] == 1
    # from asking, not from the event of then
    assert second["metrics"]["end_to_end_ms"] < 60_000 < first["metrics"]["end_to_end_ms"]
    inputs = ("refined_ad_copy_eng", "tone_style", "product_description", "store_information", "gpt_prompt", "job_id")
    before, after = await revision(service, overlay_id, 1), await revision(service, overlay_id, 2)
    assert [after[name] for name in inputs] == [before[name] for name in inputs]
    assert after["gpt_prompt_used"] == before["gpt_prompt_used"]

    restored = (await commands.run("feeds", "restore", f"{overlay_id}:1", "--json")).document
    third = await published(service, overlay_id, 3)
    assert (restored["revision"], restored["instagram_feed_id"]) == (3, third["instagram_feed_id"])
    assert _texts(third) == _texts(first)
    assert (third["llm"], third["source"]) == (first["llm"], first["source"])
    assert third["metrics"] == {**first["metrics"], "cost_usd": "0", "llm_calls": 0, "end_to_end_ms": 0.0}

    fewer_hashtags = {"MAX_HASHTAGS": "1"}
    tried = (await commands.run("feeds", "reparse", overlay_id, "--dry-run", "--json", env=fewer_hashtags)).document
    reparsed = (await commands.run("feeds", "reparse", overlay_id, "--json", env=fewer_hashtags)).document
    fourth = await published(service, overlay_id, 4)
    assert tried["posts"][0]["result"] == "changed"
    assert reparsed["posts"][0]["new_instagram_feed_id"] == fourth["instagram_feed_id"]
    assert _texts(fourth) == (first["instagram_ad_copy"], first["hashtags"].split(" ")[0])

    assert len(await service.calls(overlay_id)) == 2
    listed = (await commands.run("feeds", "history", overlay_id, "--json")).document
    assert [(one["revision"], one["origin"], one["is_current"], one["based_on_feed_id"]) for one in listed] == [
        (4, "reparse", True, third["instagram_feed_id"]),
        (3, "restore", False, first["instagram_feed_id"]),
        (2, "regenerate", False, None),
        (1, "event", False, None),
    ]


def _texts(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["instagram_ad_copy"], event["hashtags"]


async def test_what_is_purged_keeps_its_figures_and_can_be_restored_but_not_reparsed(
    service: Service, commands: Commands
) -> None:
    overlay_id = await service.send_event(tenant_id="purged")
    await service.feed(overlay_id)
    first = await published(service, overlay_id, 1)
    before = await revision(service, overlay_id, 1)
    which = ("feeds", "purge", "--older-than", "0h", "--tenant", "purged")

    tried = (await commands.run(*which, "--dry-run", "--json")).document
    unsure = await commands.run(*which)
    assert (await revision(service, overlay_id, 1)) == before
    done = (await commands.run(*which, "--yes", "--json")).document

    assert (tried["posts"], tried["purged"], done["posts"], done["purged"]) == (1, 0, 1, 1)
    assert 1_000 < tried["stored_bytes"] == done["stored_bytes"]
    assert (unsure.exit_code, "--yes" in unsure.errors) == (1, True)
    after = await revision(service, overlay_id, 1)
    assert {name for name in before if before[name] != after[name]} == {
        "gpt_response_raw",
        "gpt_prompt_used",
        "updated_at",
    }
    again = await commands.run("feeds", "reparse", overlay_id)
    assert (again.exit_code, "purged" in again.errors) == (1, True)

    await commands.run("feeds", "regenerate", overlay_id)
    await commands.run("feeds", "restore", f"{overlay_id}:1")
    assert _texts(await published(service, overlay_id, 3)) == _texts(first)
    [usage] = await query(
        service.env["DATABASE_URL"],
        "SELECT sum(llm_calls) AS calls, count(cost_usd) AS costs FROM instagram_feeds WHERE overlay_id = $1::uuid",
        overlay_id,
    )
    assert (usage["calls"], usage["costs"]) == (2, 3)


async def test_a_revision_that_fails_is_told_and_leaves_the_post_current(service: Service, commands: Commands) -> None:
    overlay_id = await service.send_event()
    feed = await service.feed(overlay_id)
    await service.spoil(overlay_id, {"kind": "refusal"})

    done = await commands.run("feeds", "regenerate", str(feed["instagram_feed_id"]))

    assert (done.exit_code, done.errors.count("\n")) == (1, 1)
    assert "1 of 1 failed" in done.errors
    assert f"{overlay_id}:2 failed: llm_refused" in done.output
    second, first = (await commands.run("feeds", "history", overlay_id, "--json")).document
    assert (second["instagram_feed_id"], second["state"], second["is_current"]) == (None, "failed", False)
    assert (first["instagram_feed_id"], first["is_current"]) == (str(feed["instagram_feed_id"]), True)
    assert second["last_error_reason"] == "llm_refused"
    # the next one is made as if that had not been
    await service.llm.set_faults()
    assert (await commands.run("feeds", "regenerate", overlay_id)).exit_code == 0
    assert (await published(service, overlay_id, 3))["revision"] == 3
