"""Whether a server really answers: one request in its own protocol.

Each probe returns None when it does, else what is wrong in a few words. None of them raises for a server
that is away, slow or refuses.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import assert_never
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from devstack.endpoints import ServerName

PROBE_TIMEOUT_S = 5.0


async def problem_at(name: ServerName, address: str, *, api_key: str) -> str | None:
    """Return what keeps the server of this name from answering at its address."""
    match name:
        case "kafka":
            return await kafka_problem(address)
        case "postgres":
            return await postgres_problem(address)
        case "llm":
            return await llm_problem(address, api_key)
        case _:
            assert_never(name)


async def kafka_problem(bootstrap_servers: str) -> str | None:
    """Ask for the cluster's metadata: a broker must be in it."""
    refusals = [await _connection_problem(server) for server in bootstrap_servers.split(",")]
    if None not in refusals:
        # aiokafka logs an error for each failed bootstrap, so it is asked only when somebody listens.
        return refusals[0]
    return await _within_timeout(_metadata_problem(bootstrap_servers))


async def postgres_problem(database_url: str) -> str | None:
    """Log in and `SELECT 1`."""
    return await _within_timeout(_select_problem(database_url))


async def llm_problem(base_url: str, api_key: str) -> str | None:
    """Try GET `{base_url}/models`."""
    return await _within_timeout(_models_problem(base_url, api_key))


async def _within_timeout(probe: Awaitable[str | None]) -> str | None:
    try:
        return await asyncio.wait_for(probe, PROBE_TIMEOUT_S)
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT_S:.0f} s"


async def _connection_problem(server: str) -> str | None:
    address = urlsplit(f"//{server}")
    try:
        opening = asyncio.open_connection(address.hostname, address.port or 9092)
        _, writer = await asyncio.wait_for(opening, PROBE_TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        return f"{server}: {str(error) or 'no answer'}"
    writer.close()
    return None


async def _metadata_problem(bootstrap_servers: str) -> str | None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError) as error:
        return str(error)
    finally:
        await admin.close()
    return None if cluster["brokers"] else "the cluster has no broker yet"


async def _select_problem(database_url: str) -> str | None:
    try:
        connection = await asyncpg.connect(database_url)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return str(error) or type(error).__name__
    try:
        await connection.fetchval("SELECT 1")
    except (asyncpg.PostgresError, OSError) as error:
        return str(error)
    finally:
        connection.terminate()
    return None


async def _models_problem(base_url: str, api_key: str) -> str | None:
    try:
        status = await asyncio.to_thread(_models_status, base_url, api_key)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return None if status == HTTPStatus.OK else f"HTTP {status} from {base_url}/models"


def _models_status(base_url: str, api_key: str) -> int:
    # Not aiohttp: importing it takes longer than most commands that ask.
    url = urlsplit(base_url)
    connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
    with closing(connect(url.netloc, timeout=PROBE_TIMEOUT_S)) as connection:
        connection.request("GET", f"{url.path}/models", headers={"Authorization": f"Bearer {api_key}"})
        return connection.getresponse().status
