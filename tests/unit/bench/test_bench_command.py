import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.scenarios import SCENARIOS


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_a_dry_run_says_what_would_be_measured(runner: CliRunner) -> None:
    answer = runner.invoke(app, ["--scenario", "all", "--dry-run"])
    assert [line.partition(":")[0] for line in answer.stdout.splitlines()] == list(SCENARIOS)


@pytest.mark.parametrize("option", ["--scenario", "--programs"])
def test_an_unknown_name_is_refused_with_those_that_are_known(runner: CliRunner, option: str) -> None:
    answer = runner.invoke(app, [option, "saturatd", "--dry-run"])
    assert answer.exit_code == 2
    assert f"Invalid value for {option}: saturatd is none of:" in answer.stderr


def test_help_ends_with_an_example(runner: CliRunner) -> None:
    assert "Example: python -m bench --scenario saturated" in runner.invoke(app, ["--help"]).stdout
