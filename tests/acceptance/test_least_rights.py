"""The consumer, a replay and the reports, each with the least rights that its role gives."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.integration.operations.cli.conftest import Commands
from tests.support.consumer_process import running_consumer
from tests.support.ledger_rows import query
from tests.support.roles import least_roles
from tests.support.service import Service
from tests.support.topics import Topics
from tests.support.waiting import eventually

REPORTS = ("cost", "latency", "tokens", "models", "calls", "outcomes", "ignored")


async def test_run_replay_and_report_with_the_roles_of_the_documentation(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    async with least_roles(feed_env["DATABASE_URL"], "store-1") as roles:
        env = {**feed_env, "DATABASE_URL": roles.app}
        commands = Commands(env, tmp_path)
        async with running_consumer(env) as consumer:
            service = Service(feed_env, stack.kafka_bootstrap_servers, topics, llm, consumer)
            refused = await service.send_event()
            await service.spoil(refused, {"kind": "content_filter"})
            written = [await service.send_event() for _ in range(5)]
            await service.send(b"not json")
            for overlay_id in written:
                await service.feed(overlay_id)
            await llm.set_faults()
            for mode in ("missing", "republish", "regenerate"):
                replayed = await commands.run("replay", "--from", "earliest", "--mode", mode, "--yes", "--json")
                assert replayed.exit_code == 0, replayed.errors
            await eventually(lambda: consumer.events("feed.stored"), 10)
            assert await consumer.stop() == 0
            assert "permission denied" not in "".join(consumer.lines)
        for report in REPORTS:
            told = await commands.run("report", report, "--json", env={"DATABASE_URL": roles.reports})
            assert told.exit_code == 0, (report, told.errors)
        page = await commands.run("report", "html", str(tmp_path / "page.html"), env={"DATABASE_URL": roles.reports})
        assert page.exit_code == 0, page.errors
        not_allowed = await commands.run("models", "deactivate", "gpt-4o-mini")
        assert not_allowed.exit_code == 1
        assert "permission denied for table llm_models" in not_allowed.errors


@pytest.mark.parametrize("table", ["llm_calls", "partition_leases", "feed_outcomes"])
async def test_a_right_that_is_missing_is_named_by_doctor_and_by_run(
    feed_env: Mapping[str, str], tmp_path: Path, table: str
) -> None:
    async with least_roles(feed_env["DATABASE_URL"]) as roles:
        await query(feed_env["DATABASE_URL"], f"REVOKE INSERT ON {table} FROM {roles.app.split('/')[2].split(':')[0]}")
        commands = Commands({**feed_env, "DATABASE_URL": roles.app}, tmp_path)
        for command in ("doctor", "run"):
            ended = await commands.run(command)
            assert ended.exit_code == 1
            assert f"the role lacks INSERT on {table}" in ended.output + ended.errors


async def test_requests_over_a_budget_are_held_with_the_application_s_role(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, tmp_path: Path
) -> None:
    limit = ("budgets", "set", "--all", "--daily-usd", "0.000001")
    limited = await Commands(feed_env, tmp_path).run(*limit)
    assert limited.exit_code == 0, limited.errors
    async with (
        least_roles(feed_env["DATABASE_URL"]) as roles,
        running_consumer({**feed_env, "DATABASE_URL": roles.app}) as consumer,
    ):
        service = Service(feed_env, stack.kafka_bootstrap_servers, topics, llm, consumer)
        held = await service.send_event()

        async def is_held() -> bool:
            return [row["state"] for row in await service.rows("feed_requests", held)] == ["held"]

        await eventually(is_held, 30)
        assert await consumer.stop() == 0
        assert "permission denied" not in "".join(consumer.lines)
