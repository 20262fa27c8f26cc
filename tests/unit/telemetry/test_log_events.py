"""What the program logs is a closed set."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from consumer.telemetry.log_events import LOG_EVENTS

CONSUMER = Path(__file__).parents[3] / "consumer"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged(source: str) -> Iterator[str]:
    """The events that a module logs: what `log.LEVEL` is called with first, and `or_else=` of a deadline."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=attribute), args=[first, *_]) if (
                attribute in LEVELS
            ):
                yield from names_in(first)
            case ast.keyword(arg="or_else", value=ast.Constant(value=str(name))):
                yield name


def names_in(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be; a name stands for `or_else`, which its callers say."""
    match node:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp(body=body, orelse=otherwise):
            yield from names_in(body)
            yield from names_in(otherwise)
        case ast.Name(id="or_else"):
            pass
        case _:
            raise AssertionError(f"an event is written out where it is logged, not {ast.unparse(node)}")


def test_every_event_that_is_logged_is_in_the_set_and_the_set_holds_no_other() -> None:
    found = {name for path in CONSUMER.rglob("*.py") for name in logged(path.read_text())}
    assert found == set(LOG_EVENTS), "new log events go into consumer/telemetry/log_events.py"


def test_every_event_names_a_part_and_what_happened_and_says_what_it_means() -> None:
    for name, meaning in LOG_EVENTS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert re.fullmatch(r"[A-Z].+\.", meaning)
