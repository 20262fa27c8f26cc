"""The command line as a process: what goes in, what comes out."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support.commands import Command, start

END_DEADLINE_S = 60.0
INSERT_FEED = """
    INSERT INTO instagram_feeds (
        overlay_id, revision, job_id, tenant_id, refined_ad_copy_eng, tone_style, product_description,
        store_information, gpt_prompt, instagram_ad_copy, hashtags, gpt_prompt_used, gpt_response_raw,
        created_at)
    VALUES ($1, $2, $3, $4, 'Tea', '차분하게', '차', '다선당', '', $5, '#차 #가을', 'the whole prompt',
        '{"id": "chatcmpl-1"}', now() + $2::int * interval '1 second')
    RETURNING instagram_feed_id
"""
NO_CHANGE: Mapping[str, str] = MappingProxyType({})


class Finished(NamedTuple):
    """How a command ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - any JSON
        """The one JSON document on standard output."""
        return json.loads(self.output)


class Commands:
    """Runs `instagram-feed …` in one environment, in a folder without `.env`."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env = dict(env)
        self._folder = folder

    async def run(self, *arguments: str, env: Mapping[str, str] = NO_CHANGE, stdin: bytes | None = None) -> Finished:
        """Run one command to its end; `env` replaces variables."""
        return await finished(await self.start(*arguments, env=env), stdin)

    async def start(self, *arguments: str, env: Mapping[str, str] = NO_CHANGE) -> Command:
        """Start one command."""
        return await start(*arguments, env={**self.env, **env}, folder=self._folder, errors_apart=True)


async def finished(command: Command, stdin: bytes | None = None) -> Finished:
    """Wait for a command's end."""
    async with asyncio.timeout(END_DEADLINE_S):
        output, errors = await command.communicate(stdin)
    return Finished(command.returncode or 0, output.decode(), errors.decode())


@pytest.fixture
def commands(command_env: Mapping[str, str], tmp_path: Path) -> Commands:
    """Commands in the environment of the test's own database and LLM account; topics are made if it asks for them."""
    return Commands(command_env, tmp_path)


class Database:
    """Rows as the consumer leaves them, and as older programs left them."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def store(self, tenant_id: str, *captions: str) -> tuple[UUID, UUID, list[UUID]]:
        """Store revisions of one post; gives overlay, job and the posts' ids, oldest first."""
        overlay_id, job_id = uuid4(), uuid4()
        await self.connection.execute("INSERT INTO overlay_layouts (overlay_id) VALUES ($1)", overlay_id)
        await self.connection.execute("INSERT INTO jobs (job_id) VALUES ($1)", job_id)
        feed_ids = [
            await self.connection.fetchval(INSERT_FEED, overlay_id, revision, job_id, tenant_id, caption)
            for revision, caption in enumerate(captions, 1)
        ]
        return overlay_id, job_id, feed_ids


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's own database."""
    connection = await asyncpg.connect(database_url)
    yield Database(connection)
    await connection.close()
