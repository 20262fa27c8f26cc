"""The reports as a process: for people, as JSON and as CSV, and what cannot be asked."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer.operations.cli import build
from consumer.operations.cli.report import REPORTS
from repository.pool import Connection
from tests.integration.operations.cli.conftest import Commands
from tests.support.seed_queries import SEED_QUERIES


@pytest.fixture
def commands(filled_database_url: str, tmp_path: Path) -> Commands:
    """Commands in an environment with nothing but the database."""
    return Commands({"DATABASE_URL": filled_database_url}, tmp_path)


async def test_the_json_of_a_report_has_the_figures_of_the_seeds_query(
    commands: Commands, database: Connection
) -> None:
    [seed] = map(dict, await database.fetch(SEED_QUERIES["4"]))

    document = (await commands.run("report", "latency", "--tenant", "test_tenant", "--json")).document

    assert {name: document["rows"][0][name] for name in seed} == seed
    assert document["tenant_id"] == "test_tenant"


async def test_the_csv_of_costs_names_every_column_and_adds_up_to_the_json_total(commands: Commands) -> None:
    options = ("report", "cost", "--days", "100", "--by", "tenant")

    told = (await commands.run(*options, "--json")).document
    lines = list(csv.DictReader(io.StringIO((await commands.run(*options, "--csv")).output)))

    assert {"tenant_id", "model_name", "estimated_total_cost_usd", "spent_usd"} <= lines[0].keys()
    assert any(line["model_name"] == "(failed requests)" for line in lines)
    assert sum(Decimal(line["spent_usd"]) for line in lines) == Decimal(told["total_spent_usd"]) > 0


async def test_a_report_for_people_is_a_table_with_a_total(commands: Commands) -> None:
    done = await commands.run("report", "cost", "--model", "gemini-flash-report")
    billed = await commands.run("report", "cost")

    assert "google/gemini-flash-report" in done.output
    assert "requests)" not in done.output
    assert billed.output.splitlines()[-1].startswith("total")


OPTIONS_REFUSED: Mapping[tuple[str, ...], str] = {
    ("--tenant", "store-77"): "--tenant: there are no posts or requests of tenant 'store-77'",
    ("--model", "gpt-77"): "--model: llm_models has no model 'gpt-77'",
    ("--since", "2026-11-02", "--until", "2026-11-02"): "the range is empty: --since 2026-11-02 00:00",
}


@pytest.mark.parametrize("options", OPTIONS_REFUSED, ids=" ".join)
async def test_what_cannot_be_reported_is_one_line_that_names_the_option(
    commands: Commands, options: tuple[str, ...]
) -> None:
    done = await commands.run("report", "tokens", *options)

    assert (done.exit_code, done.output) == (2, "")
    assert done.errors.startswith("instagram-feed: ")
    assert OPTIONS_REFUSED[options] in done.errors
    assert done.errors.count("\n") == 1


@pytest.mark.parametrize("options", [("--since", "yesterday"), ("--days", "0"), ("--by", "weekday")])
def test_what_is_no_date_no_number_of_days_and_no_group_is_a_usage_error(options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(build(["report"]), ["report", "tokens", *options])

    assert done.exit_code == 2
    assert options[0] in done.output


async def test_a_known_tenant_without_posts_in_the_range_is_an_empty_report(commands: Commands) -> None:
    options = ("--tenant", "test_tenant", "--since", "2020-01-01", "--until", "2020-02-01")

    told = await commands.run("report", "daily-tokens", *options)
    as_json = await commands.run("report", "daily-tokens", *options, "--json")

    assert (told.exit_code, told.output) == (0, "No posts.\n")
    assert as_json.document["rows"] == []


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_a_help_with_an_example(name: str) -> None:
    done = CliRunner().invoke(build(["report"]), ["report", name, "--help"])

    assert done.exit_code == 0
    assert f"Example: instagram-feed report {name}" in done.output
