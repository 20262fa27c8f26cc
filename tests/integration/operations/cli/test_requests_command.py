"""Failed requests tried again: which ones, and what a dry run changes."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest

from schemas.wire_types import rfc3339
from tests.integration.operations.cli.conftest import Commands
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query

INSERT_REQUEST = """
    INSERT INTO feed_requests (
        overlay_id, state, tenant_id, event_id, attempts, last_error_reason, updated_at, finished_at,
        source_topic, source_partition, source_offset, source_timestamp_ms)
    VALUES ($1, $2, $3, 'event-1', 5, $4, $5::text::timestamptz, now(), 'overlay.completed', 0, 0, 0)
"""
REFUSED, OLD, RECENT = uuid4(), uuid4(), uuid4()
REQUESTS = [
    (REFUSED, "failed", "tea", "llm_refused", "2026-11-20 08:00Z"),
    (OLD, "failed", "tea", "llm_unavailable", "2026-11-20 09:00Z"),
    (RECENT, "failed", "bread", "llm_unavailable", "2026-11-22 09:00Z"),
    (uuid4(), "done", "tea", None, "2026-11-22 10:00Z"),
    (uuid4(), "waiting", "tea", "llm_unavailable", "2026-11-22 11:00Z"),
]
BY_WHAT: Mapping[str, tuple[list[str], set[UUID]]] = {
    "id": (["--overlay", str(OLD)], {OLD}),
    "tenant": (["--tenant", "tea"], {REFUSED, OLD}),
    "reason": (["--reason", "llm_unavailable"], {OLD, RECENT}),
    "time range": (["--since", "2026-11-20 08:30:00", "--until", "2026-11-22 09:00:00"], {OLD}),
    "all": (["--all"], {REFUSED, OLD, RECENT}),
}


@pytest.fixture
async def _requests(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.executemany(INSERT_REQUEST, REQUESTS)
    await connection.close()


async def to_be_tried(database_url: str) -> set[UUID]:
    """The overlays that a consumer would take now with all their attempts."""
    rows = await query(
        database_url,
        "SELECT overlay_id FROM feed_requests"
        " WHERE state = 'waiting' AND attempts = 0 AND available_at <= now() AND finished_at IS NULL",
    )
    return {row["overlay_id"] for row in rows}


@pytest.mark.usefixtures("_requests")
@pytest.mark.parametrize("what", BY_WHAT)
async def test_failed_requests_are_tried_again_by(commands: Commands, database_url: str, what: str) -> None:
    options, expected = BY_WHAT[what]

    dry = await commands.run("requests", "retry", *options, "--dry-run", "--json")
    assert (dry.document["dry_run"], set(dry.document["overlay_ids"])) == (True, set(map(str, expected)))
    assert await to_be_tried(database_url) == set()

    done = await commands.run("requests", "retry", *options)
    assert done.output == f"{len(expected)} failed requests will be tried again.\n"
    assert await to_be_tried(database_url) == expected


@pytest.mark.usefixtures("_requests")
async def test_what_a_tenant_has_written_by_batch_is_tried_again_by_batch_unless_its_event_or_somebody_says_live(
    commands: Commands, database_url: str
) -> None:
    in_a_hurry = encoded(overlay_event(tenant_id="tea", delivery="live"))
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO tenants (tenant_id, delivery) VALUES ('tea', 'batch')")
    await connection.execute("UPDATE feed_requests SET batch_id = gen_random_uuid()")
    await connection.execute("UPDATE feed_requests SET source_value = $1 WHERE overlay_id = $2", in_a_hurry, REFUSED)
    await connection.close()
    by_hand = await commands.run("requests", "retry", "--all", "--delivery", "batch", "--dry-run", "--json")
    assert by_hand.document["batched"] == len(REQUESTS) - 2
    done = await commands.run("requests", "retry", "--all")
    first, second = done.output.splitlines()
    assert (first, second.split(". ")[0]) == ("3 failed requests will be tried again.", "1 go by batch")
    rows = await query(database_url, "SELECT overlay_id, state FROM feed_requests WHERE batch_id IS NULL")
    assert {row["overlay_id"]: row["state"] for row in rows} == {OLD: "batched", REFUSED: "waiting", RECENT: "waiting"}


@pytest.mark.usefixtures("_requests")
async def test_without_a_choice_nothing_is_tried_again(commands: Commands, database_url: str) -> None:
    done = await commands.run("requests", "retry")
    assert done.exit_code != 0
    assert "--reason" in done.errors
    assert await to_be_tried(database_url) == set()


@pytest.mark.usefixtures("_requests")
async def test_a_listing_is_by_state_and_reason_the_last_changed_first(commands: Commands) -> None:
    listed = await commands.run("requests", "list", "--state", "failed", "--json")
    assert [request["overlay_id"] for request in listed.document] == [str(RECENT), str(OLD), str(REFUSED)]
    shown = await commands.run("requests", "list", "--reason", "llm_refused")
    assert str(REFUSED) in shown.output
    assert str(OLD) not in shown.output


@pytest.mark.usefixtures("_requests")
async def test_a_summary_is_by_state_and_reason_with_the_oldest_of_each(commands: Commands, database_url: str) -> None:
    rows = await query(
        database_url, "UPDATE feed_requests SET cost_usd = NULL WHERE state = 'waiting' RETURNING created_at"
    )
    counts = (await commands.run("requests", "summary", "--json")).document
    known = {(one["state"], one["last_error_reason"]): one for one in counts}
    assert known.keys() == {
        ("done", None),
        ("failed", "llm_refused"),
        ("failed", "llm_unavailable"),
        ("waiting", "llm_unavailable"),
    }
    waiting = known["waiting", "llm_unavailable"]
    assert (waiting["requests"], waiting["unknown_costs"], waiting["oldest_at"]) == (
        1,
        1,
        rfc3339(rows[0]["created_at"]),
    )
    table = (await commands.run("requests", "summary")).output
    assert "cost unknown" in table
    assert f"{rows[0]['created_at']:%Y-%m-%d %H:%M}" in table


INSERT_CALL = """
    INSERT INTO llm_calls (
        overlay_id, revision, fencing_token, call_number, llm_model_id, called_at, raw_response, prompt_tokens,
        completion_tokens, cost_usd, latency_ms, verdict, detail, used_max_tokens, prompt_version, event_digest)
    SELECT $1, 1, 1, $2, llm_model_id, now(), $3, $4, $5, $6, 812, $7, $8, 1000, 'feed-post-1', ''
    FROM llm_models WHERE model_name = 'gpt-4o-mini'
"""
SECRET = b'{"choices": "texts of a shop"}'


@pytest.fixture
async def _calls(database_url: str, _requests: None) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        INSERT_CALL, REFUSED, 1, SECRET, 500, 200, Decimal("0.000195"), "unusable", "hashtags: too many"
    )
    await connection.execute(INSERT_CALL, REFUSED, 2, None, None, None, None, "unanswered", "no answer within 60 s")
    await connection.close()


@pytest.mark.usefixtures("_calls")
async def test_a_request_is_shown_with_its_calls_and_what_is_unknown_of_them_is_no_0(commands: Commands) -> None:
    for name in (str(REFUSED), f"{REFUSED}:1"):
        document = (await commands.run("requests", "show", name, "--json")).document
        assert (document["state"], document["last_error_reason"]) == ("failed", "llm_refused")
        first, second = document["calls"]
        assert (first["call_number"], first["verdict"], first["cost_usd"]) == (1, "unusable", "0.000195")
        assert (first["llm_model"], first["answer_bytes"]) == ("openai/gpt-4o-mini@2024-07-18", len(SECRET))
        assert (second["verdict"], second["prompt_tokens"], second["cost_usd"]) == ("unanswered", None, None)
        assert "texts of a shop" not in str(document)

    shown = (await commands.run("requests", "show", str(REFUSED))).output
    assert "unusable  openai/gpt-4o-mini@2024-07-18" in shown
    assert "700 tokens, USD 0.000195, 812 ms" in shown
    assert "? tokens, USD ?, 812 ms" in shown
    assert "no answer within 60 s" in shown


@pytest.mark.usefixtures("_requests")
async def test_a_request_without_such_calls_and_one_that_is_unknown_are_told_apart(commands: Commands) -> None:
    assert "No call" in (await commands.run("requests", "show", str(OLD))).output
    unknown = await commands.run("requests", "show", f"{OLD}:7")
    assert (unknown.exit_code, f"no request {OLD}:7" in unknown.errors) == (1, True)
    assert (await commands.run("requests", "show", "tea")).exit_code == 2


@pytest.mark.usefixtures("_calls")
async def test_calls_that_brought_no_post_are_reported_by_model_and_verdict_and_a_superseded_one_is_in_the_bill(
    commands: Commands, database_url: str
) -> None:
    done = REQUESTS[3][0]
    connection = await asyncpg.connect(database_url)
    await connection.execute(INSERT_CALL, done, 1, SECRET, 500, 200, Decimal("0.0002"), "superseded", None)
    await connection.execute(
        "UPDATE feed_requests SET cost_usd = 0.000195, llm_calls = 2 WHERE overlay_id = $1", REFUSED
    )
    await connection.close()

    rows = (await commands.run("report", "calls", "--json")).document["rows"]
    assert [(row["verdict"], row["spent_usd"], row["calls_without_cost"]) for row in rows] == [
        ("superseded", "0.0002", 0),
        ("unusable", "0.000195", 0),
        ("unanswered", "0", 1),
    ]
    assert {row["model_name"] for row in rows} == {"gpt-4o-mini"}
    by_tenant = (await commands.run("report", "calls", "--by", "tenant", "--tenant", "tea", "--json")).document["rows"]
    assert {row["tenant_id"] for row in by_tenant} == {"tea"}
    assert "unanswered" in (await commands.run("report", "calls")).output

    bill = (await commands.run("report", "cost", "--json")).document
    spent = {row["state"]: row["spent_usd"] for row in bill["without_post"]}
    assert (spent["failed"], spent["superseded"]) == ("0.000195", "0.0002")
    assert bill["total_spent_usd"] == "0.000395"
