import io
from decimal import Decimal

import pytest

from consumer.operations.experiments.outcome_file import OutcomeRow, WrongFile, read_rows

FEED_ID = "0193a0c4-7a10-7000-8000-000000000001"
HEADER = "event_id,instagram_feed_id,metric,value,occurred_at"
GOOD = f"e1,{FEED_ID},likes,12.5,2026-11-20T09:00:00Z"


def rows(*lines: str) -> list[OutcomeRow]:
    return list(read_rows(io.StringIO("\n".join(lines))))


def test_each_row_is_an_outcome_with_its_line() -> None:
    first, second = rows(HEADER, GOOD, "", GOOD.replace("e1", " e2 "))
    assert (first.line, second.line) == (2, 4)
    assert first.outcome is not None
    assert second.outcome is not None
    assert (first.outcome.amount, second.outcome.event_id) == (Decimal("12.5"), "e2")


def test_optional_columns_may_be_empty() -> None:
    [row] = rows(
        "event_id,overlay_id,revision,metric,value,occurred_at,published_at", GOOD.replace(",likes", ",,likes") + ","
    )
    assert row.outcome is not None
    assert (str(row.outcome.overlay_id), row.outcome.revision, row.outcome.published_at) == (FEED_ID, None, None)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "line 1: column event_id is missing"),
        (f"{HEADER},likes", "line 1: unknown column 'likes'; columns are event_id, metric, value, occurred_at, "),
        (HEADER.replace("value,", ""), "line 1: column value is missing"),
        (HEADER.replace("instagram_feed_id,", ""), "line 1: column instagram_feed_id or overlay_id is missing"),
        (f"{HEADER},metric", "line 1: column metric is there twice"),
    ],
)
def test_columns_that_are_wrong_are_named(header: str, problem: str) -> None:
    with pytest.raises(WrongFile) as refused:
        rows(header, GOOD)
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (GOOD + ",more", "has 6 cells, not 5"),
        (GOOD.replace("12.5", "many"), "value Input should be a valid number"),
        (GOOD.replace("12.5", "nan"), "value Input should be a finite number"),
        (GOOD.replace("likes", "Likes"), "metric must be 1 to 64 of a-z, 0-9 and _"),
        (GOOD.replace("e1", ""), "event_id is required"),
    ],
)
def test_a_row_that_is_wrong_says_why(line: str, problem: str) -> None:
    good, wrong = rows(HEADER, GOOD, line)
    assert good.problem is None
    assert (wrong.line, wrong.outcome, wrong.problem) == (3, None, problem)


def test_a_cell_of_several_lines_counts_them() -> None:
    [row] = rows(HEADER, '"e\n1",' + GOOD.partition(",")[2])
    assert row.line == 3
    assert (row.problem or "").startswith("event_id must be visible")
