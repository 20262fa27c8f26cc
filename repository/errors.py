"""asyncpg's errors, translated once to what a caller can act on.

Their texts go to logs, the ledger and dead letters, so they must not quote values: PostgreSQL's DETAIL shows the whole
row ("Failing row contains …"), and its message about an invalid value that value or its bytes. Only messages that name
nothing but objects are kept, and the names of table, column and constraint. Every text is one line.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from asyncpg.exceptions._base import DataError as ArgumentError  # not exported

from repository.database_url import UnusableUrl


class StoreError(Exception):
    """The database refused or could not be reached.

    `table`, `column` and `constraint` are the names given by the database, if any; `sqlstate` is PostgreSQL's code.
    """

    def __init__(
        self,
        message: str = "",
        *,
        table: str | None = None,
        column: str | None = None,
        constraint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.table = table
        self.column = column
        self.constraint = constraint
        self.sqlstate = sqlstate


class WrongDatabaseUrl(StoreError):
    """The URL asks for something unsupported; the message names it."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or cannot write now; the same statement may work later."""


class ReadOnlyDatabase(StoreUnavailable):
    """The database answers but accepts no changes."""


class StoreContention(StoreError):
    """Another transaction held a lock; the same statement may succeed at once."""


class MissingReference(StoreError):
    """A row that this one points to (job, overlay, model) does not exist yet."""


class RefusedData(StoreError):
    """The database will never accept these values."""


_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process was frozen for a while
    asyncpg.OperatorInterventionError,  # shut down by an administrator, crash of another backend
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,  # a connection lost between two statements
    asyncpg.InternalClientError,  # no server of the wanted kind (TargetServerAttributeNotMatched)
)
_CONTENTION = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_REFUSED = (
    ArgumentError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)

UPSTREAM_TABLES = frozenset({"jobs", "overlay_layouts"})


@contextmanager
def translated() -> Iterator[None]:
    """Translate asyncpg's and socket errors into a `StoreError`.

    Errors are not chained: a traceback would show what the message leaves out.
    """
    try:
        yield
    except UnusableUrl as error:
        raise WrongDatabaseUrl(str(error)) from None
    except asyncpg.exceptions.ClientConfigurationError as error:
        raise WrongDatabaseUrl(f"asks for what asyncpg cannot do: {_one_line(error)}") from None
    except (asyncpg.PostgresError, *_UNAVAILABLE, *_REFUSED) as error:
        raise _store_error(error) from None


def _store_error(error: Exception) -> StoreError:
    kind = _kind(error)
    if not isinstance(error, asyncpg.PostgresError):
        return kind(describe(error))
    return kind(
        describe(error),
        table=error.table_name,
        column=error.column_name,
        constraint=error.constraint_name,
        sqlstate=error.sqlstate,
    )


def _kind(error: Exception) -> type[StoreError]:  # noqa: PLR0911 - one for each kind
    if _is_raised_by_a_function(error):
        return RefusedData
    if isinstance(error, asyncpg.ForeignKeyViolationError) or _cannot_fill_upstream(error):
        return MissingReference
    if isinstance(error, _CONTENTION):
        return StoreContention
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):  # a primary that became a standby
        return ReadOnlyDatabase
    if isinstance(error, _REFUSED):
        return RefusedData
    if isinstance(error, _UNAVAILABLE):
        return StoreUnavailable
    return StoreError


def _cannot_fill_upstream(error: Exception) -> bool:
    """Return whether an upstream row is missing that cannot be inserted here."""
    return (
        isinstance(error, asyncpg.IntegrityConstraintViolationError) and _name(error, "table_name") in UPSTREAM_TABLES
    )


def describe(error: Exception) -> str:
    """Return the error of the driver or the server in one line, without any value."""
    return _message(error) or _CAPITAL.sub(" ", type(error).__name__.removesuffix("Error")).lower()


def _message(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = " (sslrootcert)" if error.verify_code in _UNKNOWN_ISSUER else ""
        return f"the server's certificate is not accepted: {error.verify_message.rstrip('.')}{hint}"
    message = _one_line(error)
    if _is_raised_by_a_function(error):
        return _raised_by(error)
    if isinstance(error, ArgumentError):  # it quotes the argument after the colon
        return message.partition(":")[0]
    if isinstance(error, asyncpg.DataError):
        return _without_values(message) + _at(error)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return message + _at(error)
    return message


def _one_line(error: Exception) -> str:
    """Return the message alone: without DETAIL and HINT."""
    return " ".join(str(error.args[0] if isinstance(error, _WITH_DETAIL) and error.args else error).split())


_UNKNOWN_ISSUER = {18, 19, 20, 21}  # OpenSSL: self-signed, or without a CA that is known here
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WITH_DETAIL = (asyncpg.PostgresError, asyncpg.InterfaceError)

# The routines of PostgreSQL that raise messages written by a function's author.
_AUTHORS_WORDS = frozenset({"exec_stmt_raise", "exec_stmt_assert"})
_AUTHORS_CLASSES = ("P0", "38", "39")
_FUNCTION = re.compile(r"function ([\w.\"]+)\(")


def _is_raised_by_a_function(error: Exception) -> bool:
    """Return whether the message comes from a trigger or function, which may contain anything."""
    return isinstance(error, asyncpg.PostgresError) and (
        _name(error, "server_source_function") in _AUTHORS_WORDS
        or (_name(error, "sqlstate") or "").startswith(_AUTHORS_CLASSES)
    )


def _raised_by(error: Exception) -> str:
    function = _FUNCTION.search(_name(error, "context") or "")
    return f"raised by {function[1] if function else 'a function of the database'}, whose text is not shown"


def _without_values(message: str) -> str:
    """Return what is wrong with a value, without the value: it follows a colon, is in quotes, or in hex."""
    said = re.sub(r"(0x[0-9a-fA-F]{2}\s*)+", "… ", message.partition(": ")[0])
    return said if "encoding" in said else re.sub(r'".*"', '"…"', said)


def _at(error: asyncpg.PostgresError) -> str:
    """Return what the message does not name: table and column, data type or constraint."""
    table, column = _name(error, "table_name"), _name(error, "column_name")
    names = [f"{table}.{column}" if table and column else table, *(_name(error, each) for each in _OBJECTS)]
    unsaid = [name for name in names if name and not all(part in str(error.args[0]) for part in name.split("."))]
    return f" ({', '.join(unsaid)})" if unsaid else ""


_OBJECTS = ("constraint_name", "data_type_name")


def _name(error: Exception, attribute: str) -> str | None:
    value = getattr(error, attribute, None)
    return value if isinstance(value, str) else None
