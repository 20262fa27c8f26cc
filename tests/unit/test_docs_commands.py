"""What the documents say to type exists, and what they show parses."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from consumer.operations.cli import build

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs/decisions"  # of their time: commands may have been renamed since
PAGES = sorted(
    page for page in chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")) if not page.is_relative_to(RECORDS)
)
BLOCK = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?<![\w/-])(?<!-n )(?<!namespace )instagram-feed +([^\n]*)")  # nor kubectl's namespace
ENDS_COMMAND = re.compile(r"[#;&>]|\|(?= )|\)")
UNPARSED = {"", "text", "console", "http", "promql", "mermaid"}


def check_shell(text: str) -> None:
    subprocess.run(["/bin/bash", "-n"], input=text, text=True, check=True, capture_output=True)


def check_sql(text: str) -> None:
    squawk = [str(Path(sys.executable).parent / "squawk"), "--stdin-filepath", "block.sql"]
    told = subprocess.run(squawk, input=text, text=True, check=False, capture_output=True).stdout
    assert "syntax-error" not in told, told


def check_python(text: str) -> None:
    compile(text, "block", "exec")


PARSERS: dict[str, Callable[[str], object]] = {
    "sh": check_shell,
    "bash": check_shell,
    "sql": check_sql,
    "python": check_python,
    "toml": tomllib.loads,
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def command_lines(text: str) -> Iterator[str]:
    """What stands behind the program's name, in blocks and in single words, to the end of the command."""
    blocks = [block.replace("\\\n", " ") for _, _, block in BLOCK.findall(text)]
    spans = SPAN.findall(BLOCK.sub("", text))
    for code in (*blocks, *spans):
        for line in COMMAND.findall(code):
            yield ENDS_COMMAND.split(line)[0].strip()


@cache
def root_of(first: str) -> Any:  # noqa: ANN401 - a command or group of the click that typer brings
    return typer.main.get_command(build([first]))


def problem(line: str) -> str | None:
    """What the command line has not of all this, if anything."""
    words = line.split()
    alternatives = words[0].split("|") if words else []
    return next((told for first in alternatives if (told := _problem([first, *words[1:]]))), None)


def _problem(words: list[str]) -> str | None:
    node = root_of(words[0])
    options = set(_options(node)) | {"--help"}
    rest = words
    while hasattr(node, "commands") and rest and not rest[0].startswith("-"):
        names = rest[0].split("|")
        if unknown := [name for name in names if name not in node.commands]:
            return f"no command {unknown[0]!r}"
        node, rest = node.commands[names[0]], rest[1:]
        options |= set(_options(node))
    given = {re.split(r"[=\[]", word.strip("[]"))[0] for word in rest if word.strip("[").startswith("--")}
    unknown = sorted(given - options - {"--"})
    return f"no option {unknown[0]}" if unknown else None


def _options(node: Any) -> Iterator[str]:  # noqa: ANN401
    for parameter in node.params:
        yield from (*parameter.opts, *parameter.secondary_opts)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_option_exists(page: Path) -> None:
    problems = {line: told for line in command_lines(page.read_text()) if (told := problem(line))}

    assert problems == {}


@pytest.mark.parametrize("page", [*PAGES, *sorted(RECORDS.glob("*.md"))], ids=named)
def test_every_block_parses(page: Path) -> None:
    for _, language, text in BLOCK.findall(page.read_text()):
        if language not in UNPARSED:
            PARSERS[language](text)


def test_commands_are_found_and_what_is_wrong_with_them_is_seen() -> None:
    block = "```sh\nx && instagram-feed run --fast  # now\n```"
    text = f"`instagram-feed feeds lst`\n{block}\n`instagram-feed feeds list|show`"

    assert [problem(line) for line in command_lines(text)] == ["no option --fast", "no command 'lst'", None]


@pytest.mark.parametrize(
    ("language", "text"),
    [("json", "{"), ("yaml", "a: [b"), ("sql", "SELEC 1 FROM;"), ("sh", "if true"), ("toml", "a ="), ("python", "a b")],
)
def test_a_block_that_does_not_parse_is_noticed(language: str, text: str) -> None:
    with pytest.raises(
        (
            AssertionError,
            SyntaxError,
            ValueError,
            subprocess.CalledProcessError,
            yaml.YAMLError,
            tomllib.TOMLDecodeError,
        )
    ):
        PARSERS[language](text)
