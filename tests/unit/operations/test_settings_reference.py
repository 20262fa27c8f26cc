from pathlib import Path

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from consumer.operations.settings_reference import configuration_page, env_example, stale
from consumer.settings import Settings

ROOT = Path(__file__).parents[3]
REQUIRED = {"KAFKA_BOOTSTRAP_SERVERS": "broker:9092", "DATABASE_URL": "postgresql://u:p@db/x", "OPENAI_API_KEY": "sk-1"}


class Connection(BaseSettings):
    """How to get there.

    And more of it.
    """

    server: str = Field(description="a host")
    token: SecretStr | None = Field(None, description="a secret")


class Everything(Connection):
    """All of it."""

    words: tuple[str, ...] = Field(("a", "b"), description="this | that")
    fast: bool = Field(default=True, description="true or false")


def test_the_files_that_are_made_from_the_settings_are_current() -> None:
    assert stale(ROOT) == [], "run `make docs` and commit what it writes"


def test_a_missing_or_changed_file_is_stale(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("something else")

    assert stale(tmp_path) == [Path("docs/configuration.md"), Path(".env.example")]


def test_the_page_has_a_table_for_each_group_with_the_settings_it_declares_itself() -> None:
    _, connection, everything = configuration_page(Everything).split("\n## ")

    assert connection.startswith("How to get there\n")
    assert "| `SERVER` | required | a host |\n| `TOKEN`, `TOKEN_FILE` | – | a secret |" in connection
    assert "| `WORDS` | `a,b` | this \\| that |\n| `FAST` | `true` | true or false |" in everything
    assert "SERVER" not in everything


def test_the_example_leaves_required_settings_to_fill_in_and_comments_out_the_rest() -> None:
    lines = env_example(Everything).splitlines()

    assert [line for line in lines if "=" in line] == ["SERVER=", "# TOKEN=", "# WORDS=a,b", "# FAST=true"]


def test_the_example_read_as_a_file_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    uncommented = [
        line.removeprefix("# ") if line.removeprefix("# ").partition("=")[0].isupper() else line
        for line in env_example(Settings).splitlines()
    ]
    (tmp_path / ".env").write_text("\n".join(uncommented))

    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)
