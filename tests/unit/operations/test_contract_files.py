"""The files of the contract: current here, and compared with a baseline as a change would be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from consumer.operations.cli import build
from consumer.operations.cli.errors import CommandError
from consumer.operations.contract_files import breaking_changes, compare_files, rendered, write_files

CREATED = "instagram_feed.created.schema.json"


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(build(["schemas"]), ["schemas", "export", *map(str, arguments)])


def with_baseline(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Have the last release be what `change` makes of today's schema."""
    baseline = folder / "baseline"
    baseline.mkdir(parents=True)
    schema = json.loads(rendered()[name])
    change(schema)
    (baseline / name).write_text(json.dumps(schema))


def test_the_committed_files_are_what_the_models_say_and_break_nothing() -> None:
    committed = Path(__file__).parents[3] / "schemas/contracts"

    assert {file.state for file in compare_files(committed)} == {"unchanged"}
    assert breaking_changes(committed) == []
    assert {path.name for path in (committed / "baseline").iterdir()} <= rendered().keys()


def test_files_are_written_once_and_left_alone_then(tmp_path: Path) -> None:
    folder = tmp_path / "new/contracts"
    assert {file.state for file in write_files(folder)} == {"written"}
    assert {file.state for file in write_files(folder)} == {"unchanged"}
    (folder / CREATED).write_text("{}")
    assert [file.path.name for file in compare_files(folder) if file.state == "stale"] == [CREATED]


def test_a_field_that_readers_had_and_that_is_gone_breaks_them(tmp_path: Path) -> None:
    with_baseline(tmp_path, CREATED, lambda schema: schema["properties"].update(mood={"type": "string"}))

    assert breaking_changes(tmp_path) == ["instagram_feed.created: mood is gone"]


def test_a_field_that_producers_did_not_have_to_write_and_now_must_breaks_them(tmp_path: Path) -> None:
    with_baseline(tmp_path, "overlay.completed.schema.json", lambda schema: schema["required"].remove("tenant_id"))

    assert breaking_changes(tmp_path) == ["overlay.completed: tenant_id is required now"]


def test_a_schema_that_is_gone_breaks_everybody(tmp_path: Path) -> None:
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline/instagram_feed.edited.schema.json").write_text("{}")

    assert breaking_changes(tmp_path) == ["instagram_feed.edited: the whole schema is gone"]


def test_the_command_writes_checks_and_tells(tmp_path: Path) -> None:
    missing = export(tmp_path, "--check")
    assert isinstance(missing.exception, CommandError)
    assert "instagram-feed schemas export" in str(missing.exception)

    assert "8 of them new or changed" in export(tmp_path).output
    assert export(tmp_path, "--check").exit_code == 0
    files = json.loads(export(tmp_path, "--json").output)["files"]
    assert {file["state"] for file in files} == {"unchanged"}


def test_the_check_fails_on_a_breaking_change_also_where_the_files_are_current(tmp_path: Path) -> None:
    write_files(tmp_path)
    with_baseline(tmp_path, CREATED, lambda schema: schema["properties"]["revision"].update(type="string"))

    result = export(tmp_path, "--check", "--json")

    assert "revision may not be string any more" in str(result.exception)
    assert len(json.loads(result.output)["breaking"]) == 2


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_baseline_that_is_no_schema_is_named(tmp_path: Path, content: str) -> None:
    write_files(tmp_path)
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / CREATED).write_text(content)

    assert f"{CREATED} is no JSON Schema" in str(export(tmp_path, "--check").exception)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "Not a directory" in str(export(tmp_path / "file/contracts").exception)
