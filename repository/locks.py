"""How long a statement waits for rows that another transaction holds.

The lock timeout is set in the statement itself, for its own transaction: this works behind a pooler and costs no round
trip. A statement that times out raises `StoreContention`, and has no effect.
"""

LOCK_WAIT_S = 1.0


def lock_wait(parameter: int) -> str:
    """Return an item for a FROM clause that sets the statement's lock timeout to parameter `parameter`, in seconds.

    The server reads the setting when it begins to wait, and evaluates all of FROM before it locks a row.
    """
    milliseconds = f"greatest(1, (${parameter}::float8 * 1000)::int)"
    return f"(SELECT set_config('lock_timeout', {milliseconds}::text, true)) AS bounded (lock_timeout)"
