"""The driver's errors, as what a caller can do about them."""

import asyncpg
import pytest

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
