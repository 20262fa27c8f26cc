"""Databases on the measured server: a migrated template once, a copy of it for each run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg


def database_url(server_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def fresh_database(server_url: str, *, template: str | None = None) -> AsyncIterator[str]:
    """Yield the URL of a new database, empty or a copy of the database named `template`; dropped after the block."""
    name = f"bench_{uuid4().hex}"
    copying = f" TEMPLATE {template}" if template else ""
    await execute(server_url, f"CREATE DATABASE {name}{copying}")
    try:
        yield database_url(server_url, name)
    finally:
        await execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def name_of(url: str) -> str:
    """Return the database that a URL names."""
    return urlsplit(url).path.removeprefix("/")


async def execute(url: str, *statements: str) -> None:
    """Run statements one after the other, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def count_feeds(url: str) -> int:
    """Return how many posts a database holds."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM instagram_feeds"))
    finally:
        await connection.close()
