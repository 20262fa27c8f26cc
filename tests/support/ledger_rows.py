"""What the tables say, read by a connection of the test's own."""

from typing import Any

import asyncpg


async def query(database_url: str, statement: str, *arguments: object) -> list[dict[str, Any]]:
    """The rows of one statement."""
    connection = await asyncpg.connect(database_url)
    try:
        return [dict(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()


async def count_feeds(database_url: str) -> int:
    """How many posts are stored."""
    return int((await query(database_url, "SELECT count(*) FROM instagram_feeds"))[0]["count"])


async def count_requests(database_url: str, state: str) -> int:
    """How many requests are in a state."""
    found = await query(database_url, "SELECT count(*) FROM feed_requests WHERE state = $1", state)
    return int(found[0]["count"])
