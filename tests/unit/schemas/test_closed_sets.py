"""Reason codes and request states stand in one place each, and the code and the database know no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.migrations import render_sql
from schemas.batch_state import BatchState
from schemas.experiments import ExperimentState
from schemas.reasons import Reason
from schemas.request_state import RequestState

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for folder in ("consumer", "repository") for path in (ROOT / folder).rglob("*.py"))
STATE_IN_SQL = re.compile(r"\bstate\s+(?:=|<>|IN|NOT IN)\s+(?:'(\w+)'|\(([^)]*)\))")


def literals(path: Path) -> Iterator[str]:
    """The texts in a source file, docstrings and SQL too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def states_in(sql: str) -> set[str]:
    """The states that conditions on the column `state` name."""
    found = STATE_IN_SQL.findall(sql)
    return {name for single, listed in found for name in (single, *re.findall(r"'(\w+)'", listed)) if name}


def test_the_check_constraint_knows_the_states_of_the_program() -> None:
    constraint = re.search(r"state TEXT NOT NULL\s+CHECK \(([^)]*\))\)", render_sql())
    assert constraint is not None
    assert states_in(constraint[1]) == set(RequestState)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_statement_names_an_unknown_state_and_no_reason_is_written_out(path: Path) -> None:
    for text in literals(path):
        assert states_in(text) <= {*RequestState, *ExperimentState, *BatchState}
        assert text not in set(Reason), "take it from schemas.reasons"


def test_every_reason_is_a_word_of_its_own() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", reason) for reason in Reason)
