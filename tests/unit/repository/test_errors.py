"""The driver's errors, as what a caller can do about them."""

import traceback

import asyncpg
import pytest
from asyncpg.exceptions._base import DataError as ArgumentError

from repository.errors import (
    MissingReference,
    ReadOnlyDatabase,
    RefusedData,
    StoreContention,
    StoreError,
    StoreUnavailable,
    translated,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError("refused"), StoreUnavailable),
        (TimeoutError(), StoreUnavailable),
        (asyncpg.ConnectionDoesNotExistError("gone"), StoreUnavailable),
        (asyncpg.AdminShutdownError("shut down"), StoreUnavailable),
        (asyncpg.CannotConnectNowError("starting up"), StoreUnavailable),
        (asyncpg.TooManyConnectionsError("full"), StoreUnavailable),
        (asyncpg.DiskFullError("full"), StoreUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("a standby"), ReadOnlyDatabase),
        (asyncpg.InvalidPasswordError("wrong"), StoreUnavailable),
        (asyncpg.InterfaceError("connection is closed"), StoreUnavailable),
        (asyncpg.DeadlockDetectedError("deadlock"), StoreContention),
        (asyncpg.SerializationError("concurrent update"), StoreContention),
        (asyncpg.LockNotAvailableError("lock timeout"), StoreContention),
        (asyncpg.ForeignKeyViolationError("no such job"), MissingReference),
        (asyncpg.StringDataRightTruncationError("too long"), RefusedData),
        (asyncpg.NumericValueOutOfRangeError("too large"), RefusedData),
        (asyncpg.NotNullViolationError("null"), RefusedData),
        (asyncpg.CheckViolationError("check"), RefusedData),
        (asyncpg.ProgramLimitExceededError("too large for jsonb"), RefusedData),
        (asyncpg.UndefinedTableError("no such table"), StoreError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_an_error_of_the_driver_comes_out_as_what_can_be_done(error: Exception, expected: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught, translated():
        raise error
    assert type(caught.value) is expected
    assert caught.value.__cause__ is None


def test_what_is_no_error_of_the_driver_is_left_alone() -> None:
    with pytest.raises(ValueError, match="ours"), translated():
        raise ValueError("ours")


CAPTION = "오션블루 셔츠, 지금 만나 보세요"
IN_HEX = " ".join(f"0x{byte:02x}" for byte in CAPTION.encode())


def server_error(sqlstate: str, message: str, **fields: str) -> asyncpg.PostgresError:
    """An error as the server sends it."""
    names = {"detail": "D", "context": "W", "table": "t", "column": "c", "constraint": "n", "function": "R"}
    return asyncpg.PostgresError.new(
        {"S": "ERROR", "C": sqlstate, "M": message, **{names[name]: value for name, value in fields.items()}}
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            server_error(
                "23502",
                'null value in column "campaign" of relation "instagram_feeds" violates not-null constraint',
                detail=f"Failing row contains ({CAPTION}).",
                table="instagram_feeds",
                column="campaign",
            ),
            'null value in column "campaign" of relation "instagram_feeds"',
        ),
        (
            server_error(
                "23514",
                'new row for relation "instagram_feeds" violates check constraint "no_shirts"',
                detail=f"Failing row contains ({CAPTION}).",
                table="instagram_feeds",
                constraint="no_shirts",
            ),
            '"no_shirts"',
        ),
        (
            server_error("22P02", f'invalid input syntax for type uuid: "{CAPTION}"'),
            "invalid input syntax for type uuid",
        ),
        (
            server_error("22003", f'value "{CAPTION}" is out of range for type integer'),
            "is out of range for type integer",
        ),
        (server_error("22021", f'invalid byte sequence for encoding "UTF8": {IN_HEX}'), 'for encoding "UTF8"'),
        (
            server_error(
                "22P05", f'character with byte sequence {IN_HEX} in encoding "UTF8" has no equivalent in "LATIN1"'
            ),
            'in encoding "UTF8"',
        ),
        (
            server_error(
                "P0001", CAPTION, context="PL/pgSQL function shop.judge() line 3 at RAISE", function="exec_stmt_raise"
            ),
            "raised by shop.judge",
        ),
        (server_error("23514", CAPTION, function="exec_stmt_raise"), "raised by a function of the database"),
        (server_error("38000", CAPTION), "raised by a function of the database"),
        (ArgumentError(f"invalid input for query argument $6: ['{CAPTION}'] (surrogates)"), "query argument $6"),
    ],
)
def test_no_value_of_a_row_is_told_and_what_refused_it_is(error: Exception, said: str) -> None:
    with pytest.raises(StoreError) as caught, translated():
        raise error
    text = "".join(traceback.format_exception(caught.value))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert CAPTION not in text
    assert IN_HEX[:20] not in text


def test_the_names_of_what_refused_are_kept() -> None:
    with pytest.raises(RefusedData) as caught, translated():
        raise server_error("23514", "new row", table="instagram_feeds", constraint="no_shirts")
    assert (caught.value.table, caught.value.constraint, caught.value.sqlstate) == (
        "instagram_feeds",
        "no_shirts",
        "23514",
    )


def test_a_text_that_cannot_be_sent_is_refused_data() -> None:
    with pytest.raises(RefusedData), translated():
        raise ArgumentError("invalid input for query argument $6: '\\ud800'")


def test_a_missing_row_of_upstreams_that_cannot_be_made_is_a_missing_reference() -> None:
    with pytest.raises(MissingReference), translated():
        raise server_error("23502", "null value", table="overlay_layouts", column="layout")
