"""The migrations as one script, for those who let no program change their database."""

from migrations import TAKE_LOCK
from repository.migrations import render_sql


def test_the_script_is_one_transaction_behind_deadlines_and_the_lock() -> None:
    statements = [statement.strip() for statement in render_sql().split(";")]
    assert statements[:4] == [
        "BEGIN",
        "SET LOCAL statement_timeout = '600s'",
        TAKE_LOCK,
        "SET LOCAL lock_timeout = '3s'",
    ]
    assert [statement for statement in statements if statement][-1] == "COMMIT"


def test_the_script_ends_at_the_revision_asked_for() -> None:
    script = render_sql("0001")
    assert "instagram_feeds" in script
    assert "feed_requests" not in script
