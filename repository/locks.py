"""How long a statement waits for rows that another transaction holds.

The lock timeout is set in the statement itself, for its own transaction: this works behind a pooler and costs no round
trip. A statement that times out raises `StoreContention`, and has no effect.
"""

from collections.abc import Sequence

from repository.pool import Connection

LOCK_WAIT_S = 1.0
TABLES_OF_RESULTS = (
    "feed_requests",
    "instagram_feeds",
    "outbox_events",
    "llm_calls",
    "llm_models",
    "jobs",
    "overlay_layouts",
)


def lock_wait(parameter: int) -> str:
    """Return an item for a FROM clause that sets the statement's lock timeout to parameter `parameter`, in seconds.

    The server reads the setting when it begins to wait, and evaluates all of FROM before it locks a row.
    """
    milliseconds = f"greatest(1, (${parameter}::float8 * 1000)::int)"
    return f"(SELECT set_config('lock_timeout', {milliseconds}::text, true)) AS bounded (lock_timeout)"


# A lock that is waited for is in the way, too: who comes later queues behind it.
_LOCKED_TABLES = """
    SELECT name
    FROM unnest($1::text[]) WITH ORDINALITY AS needed (name, place)
    WHERE EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'relation'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND relation = to_regclass(name)
            AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
    ORDER BY place
"""


async def locked_tables(connection: Connection, tables: Sequence[str] = TABLES_OF_RESULTS) -> list[str]:
    """Return which tables somebody has locked as a whole, or is about to, so that nobody can write to them."""
    return [row["name"] for row in await connection.fetch(_LOCKED_TABLES, list(tables))]
