"""asyncpg's errors, translated once to what a caller can act on."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


class StoreError(Exception):
    """The database refused or could not be reached."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or cannot write now; the same statement may work later."""


class StoreContention(StoreError):
    """Another transaction was in the way; the same statement may work at once."""


class MissingReference(StoreError):
    """A row that this one points to (job, overlay, model) does not exist yet."""


class RefusedData(StoreError):
    """The database will never take these values."""


_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,  # shut down by an administrator, crash of another backend
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # a primary that became a standby
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


@contextmanager
def translated() -> Iterator[None]:
    """Raise a `StoreError` in place of asyncpg's and the socket's errors."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise MissingReference(f"{error.constraint_name}: {error.detail}") from error
    except _CONTENTION as error:
        raise StoreContention(str(error)) from error
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError) as error:
        raise RefusedData(f"{type(error).__name__}: {error}") from error
    except asyncpg.PostgresError as error:
        raise StoreError(f"{type(error).__name__}: {error}") from error
