"""Databases made for one test and dropped after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg


@asynccontextmanager
async def fresh_database(server_url: str, *, template: str | None = None) -> AsyncIterator[str]:
    """The URL of a new database on the server, empty or a copy of the database at URL `template`.

    Nobody may be connected to the template. Sessions still open at the end are ended.
    """
    name = f"test_{uuid4().hex}"
    copying = f" TEMPLATE {database_name(template)}" if template else ""
    await _execute(server_url, f"CREATE DATABASE {name}{copying}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        await _execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def database_name(url: str) -> str:
    """The database that a URL names."""
    return urlsplit(url).path.removeprefix("/")


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
