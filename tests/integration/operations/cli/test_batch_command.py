"""`batch list|show|cancel|collect` over batches as they stand in the tables."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.integration.operations.cli.conftest import Commands
from tests.support.ledger_rows import query

OPEN, DONE = uuid4(), uuid4()
INSERT_BATCH = """
    INSERT INTO llm_batches (batch_id, provider, provider_batch_id, llm_model_id, model, state, provider_status,
        request_count, completed_count, failed_count, estimated_tokens, submitted_at,
        expires_at, available_at, cost_usd)
    VALUES ($1, 'openai', $2, gen_random_uuid(), '{"model_name": "gpt-4o-mini"}', $3, $4, 100, 40, 10, 1000,
        now() - interval '1 hour', now() + interval '23 hours', $5, 0.25)
"""


@pytest.fixture
async def _batches(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    later = await connection.fetchval("SELECT now() + interval '1 minute'")
    await connection.execute(INSERT_BATCH, OPEN, "batch_open", "created", "in_progress", later)
    await connection.execute(INSERT_BATCH, DONE, "batch_done", "collected", "completed", None)
    await connection.close()


async def row(database_url: str, batch_id: UUID) -> dict[str, object]:
    [found] = await query(database_url, "SELECT * FROM llm_batches WHERE batch_id = $1", batch_id)
    return found


@pytest.mark.usefixtures("_batches")
async def test_the_list_shows_progress_and_expected_end(commands: Commands) -> None:
    listed = (await commands.run("batch", "list", "--json")).document
    [batch] = listed["batches"]
    assert (batch["batch_id"], batch["requests"], batch["completed"], batch["failed"]) == (str(OPEN), 100, 40, 10)
    # half is done after an hour, so the other half takes another
    assert batch["submitted_at"] < batch["expected_end"] < batch["expires_at"]
    assert listed["waiting"]["requests"] == 0
    assert len((await commands.run("batch", "list", "--all", "--json")).document["batches"]) == 2
    assert "50/100" in (await commands.run("batch", "list")).output


@pytest.mark.usefixtures("_batches")
async def test_a_batch_is_shown_by_its_own_id_or_the_providers(commands: Commands) -> None:
    for name in (str(OPEN), "batch_open"):
        assert (await commands.run("batch", "show", name, "--json")).document["batch_id"] == str(OPEN)
    unknown = await commands.run("batch", "show", "nothing")
    assert (unknown.exit_code, "there is no batch nothing" in unknown.errors) == (2, True)


@pytest.mark.usefixtures("_batches")
async def test_cancelling_is_asked_for_and_a_dry_run_asks_for_nothing(commands: Commands, database_url: str) -> None:
    dry = await commands.run("batch", "cancel", str(OPEN), "--dry-run", "--json")
    assert dry.document["cancelled"] == [str(OPEN)]
    assert (await row(database_url, OPEN))["cancel_requested_at"] is None
    late = await commands.run("batch", "cancel", str(OPEN), str(DONE), "--live")
    assert (late.exit_code, str(DONE) in late.errors) == (1, True)
    asked = await row(database_url, OPEN)
    assert asked["cancel_requested_at"] is not None
    assert asked["rest_goes_live"] is True


@pytest.mark.usefixtures("_batches")
async def test_collecting_brings_the_next_look_forward(commands: Commands, database_url: str) -> None:
    assert (await commands.run("batch", "collect", "--timeout", "0")).exit_code == 0
    due = await query(database_url, "SELECT batch_id FROM llm_batches WHERE available_at <= now()")
    assert [one["batch_id"] for one in due] == [OPEN]
