"""Wrong arguments are told in one line of our words."""

import re

import pytest
import typer

from consumer.operations.cli import build
from consumer.operations.cli.type_names import name_types
from consumer.operations.cli.usage import usage_line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("produce x --rate 0", "--rate must be 0.001 or more; see `instagram-feed produce --help`"),
        ("topics create --partitions 99999", "--partitions must be 10000 or less"),
        ("topics create --partitions x", "--partitions must be a whole number"),
        ("produce x --rate x", "--rate must be a number"),
        ("report cost --by x", "--by: 'x' is not one of 'tenant', 'model', 'variant', 'prompt'"),
        ("feeds list --since x", "--since must be a time such as 2026-11-25T09:00"),
        ("feeds list --since 2026-13-45", "--since must be a time such as 2026-11-25T09:00"),
        ("replay --overlay x", "--overlay must be a UUID"),
        ("stack up --servers x", "--servers: 'x' is not one of"),
        ("feeds purge --older-than x", "'--older-than': 'x' is not an age; expected a number and a unit"),
        ("feeds list --nope", "no such option: --nope"),
        ("feeds list --limit", "option '--limit' requires an argument"),
        ("produce", "missing argument 'FILE.jsonl'; see `instagram-feed produce --help`"),
        ("nope", "no such command 'nope'"),
        ("experiments widen tone -0.8", "-0.8 begins with -, which no argument does; it wants: NAME"),
        ("feeds list -5", "no such option: -5"),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_must_be(arguments: str, line: str) -> None:
    said = _said_of(arguments.split())

    assert said.startswith(line)
    assert "Input should" not in said
    assert "\n" not in said


@pytest.mark.parametrize("arguments", ["", "feeds list", "replay", "produce", "models add"])
def test_help_names_no_type_of_a_library(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(build(arguments.split()))
    name_types(command)

    command([*arguments.split(), "--help"], prog_name="instagram-feed", standalone_mode=False)

    assert not re.search(r"<(bool|str|int|float|uuid|datetime|path|file)\b", capsys.readouterr().out, re.IGNORECASE)


def _said_of(arguments: list[str]) -> str:
    command = typer.main.get_command(build(arguments))
    with pytest.raises(typer.TyperException) as raised:
        command(arguments, prog_name="instagram-feed", standalone_mode=False)
    return usage_line(raised.value)
