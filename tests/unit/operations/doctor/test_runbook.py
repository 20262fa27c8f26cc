"""What is wrong names its section of the runbook, and the section is there."""

import re
from pathlib import Path

import pytest

from consumer.operations.doctor import database, kafka, llm, registry
from consumer.operations.doctor.finding import FALLBACK, Finding

RUNBOOK = Path(__file__).parents[4] / "docs/runbook.md"
CHECKS = (
    "settings", *kafka.CHECKS, registry.CHECK, *database.CHECKS, database.MODEL_CHECK, database.PROMPT_CHECK, "events",
    llm.CHECK,
)  # fmt: skip


@pytest.mark.parametrize("check", [*CHECKS, f"{FALLBACK}{llm.CHECK}", f"{FALLBACK}{database.MODEL_CHECK}"])
@pytest.mark.parametrize("status", ["warning", "failed"])
def test_a_check_that_found_something_names_a_section_that_is_there(check: str, status: str) -> None:
    page, _, section = (Finding(check, status, "detail").runbook or "").partition("#")  # type: ignore[arg-type]
    assert page == "docs/runbook.md"
    assert section in re.findall(r"^## (\S+)$", RUNBOOK.read_text(), re.MULTILINE)


def test_where_there_is_nothing_to_do_no_section_is_named() -> None:
    assert Finding("llm", "ok", "it answers").runbook is None
    assert Finding("llm", "skipped", "needs its settings").runbook is None
