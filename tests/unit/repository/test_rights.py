"""The list of rights has what the service's statements do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.rights import SERVICE, UPSTREAM_ROWS

REPOSITORY = Path(__file__).parents[3] / "repository"
CHANGE = re.compile(
    r"\b(?:(INSERT) INTO|(?<!DO )(?<!FOR )(?<!KEY )(UPDATE)|(DELETE) FROM)\s+(?:ONLY )?([a-z_]+)\b(?!\s*=)"
)
NO_TABLES = {"rehearsal.py", "rights.py"}


def changes() -> Iterator[tuple[str, str]]:
    """What each statement of the service does: the right, and the table."""
    for path in sorted(REPOSITORY.glob("*.py")):
        if path.name not in NO_TABLES:
            for insert, update, delete, table in CHANGE.findall(path.read_text()):
                if table in SERVICE or table.startswith(("budget", "feed", "llm", "intake", "tenant", "outbox")):
                    yield insert or update or delete, table


@pytest.mark.parametrize(("right", "table"), sorted(set(changes())))
def test_a_right_that_a_statement_of_the_service_needs_is_in_the_list(right: str, table: str) -> None:
    needed = {*SERVICE.get(table, ()), *UPSTREAM_ROWS.get(table, ())}
    assert right in needed, "add it to repository/rights.py, and tell operators to run `instagram-feed roles` again"


def test_the_statements_are_found() -> None:
    found = set(changes())
    assert {("INSERT", "feed_requests"), ("UPDATE", "feed_requests"), ("DELETE", "outbox_events")} <= found
