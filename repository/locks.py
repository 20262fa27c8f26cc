"""How long a statement waits for rows that another transaction holds.

The wait is bounded in the statement itself, for its own transaction: that holds behind a pooler, too, and costs no
round trip. A statement that waited in vain raises `StoreContention`, and nothing of it is done.
"""

LOCK_WAIT_S = 1.0


def lock_wait(parameter: int) -> str:
    """Return an item of a FROM clause that has the statement wait for no lock longer than parameter `parameter`, in s.

    The server looks the setting up when it begins to wait, and reads all of FROM before it locks a row.
    """
    milliseconds = f"greatest(1, (${parameter}::float8 * 1000)::int)"
    return f"(SELECT set_config('lock_timeout', {milliseconds}::text, true)) AS bounded (lock_timeout)"
