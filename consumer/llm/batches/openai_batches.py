"""The Batch API of OpenAI and compatible servers: `/files` and `/batches`.

https://platform.openai.com/docs/api-reference/batch
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import aiohttp
import httpx2
import openai
from openai.types import Batch

from consumer.llm.batches.port import (
    CreateUnanswered,
    LineProblem,
    NotThere,
    ProviderBatch,
    ProviderRefused,
    ProviderUnavailable,
)

METADATA_KEY = "feed_batch_id"
UPLOAD_S = 900.0
CLOCKS_MAY_DIFFER = timedelta(minutes=10)
PAGE = 100
CHUNK_BYTES = 256 * 1024
_MESSAGE_LENGTH = 200
_LOST = (openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError, OSError, TimeoutError)
# certainly refused: nothing was created
_REFUSED = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_LATER = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class OpenAIBatches:
    """The client must not retry by itself (`open_client`): a repeated creation is a second batch, paid twice."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def upload(self, path: Path, name: str) -> str:
        """Upload an input file under this name; returns its id."""
        with self._translated(), path.open("rb") as content:
            async with asyncio.timeout(UPLOAD_S):
                return (await self._client.files.create(file=(name, content), purpose="batch")).id

    async def files_named(self, name: str) -> list[str]:
        """Return the ids of input files with this name, newest first."""
        with self._translated():
            files = self._client.files.list(purpose="batch", order="desc")
            return [file.id async for file in files if file.filename == name]

    async def create(self, input_file_id: str, batch_id: UUID) -> ProviderBatch:
        """Create a batch."""
        try:
            created = await self._client.batches.create(
                input_file_id=input_file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={METADATA_KEY: str(batch_id)},
            )
            return _provider_batch(created)
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED | _LATER:
                raise self._told(error) from error
            raise CreateUnanswered(self._detail(error)) from error
        except (*_LOST, ValueError, AttributeError, TypeError) as error:
            # an unreadable response is as good as none
            raise CreateUnanswered(self._detail(error)) from error

    async def created_since(self, input_file_id: str, batch_id: UUID, since: datetime) -> list[ProviderBatch]:
        """Return the batches of this file, or with our id, created at that time or later, oldest first."""
        found = []
        with self._translated():
            async for batch in self._client.batches.list(limit=PAGE):
                if datetime.fromtimestamp(batch.created_at, UTC) < since - CLOCKS_MAY_DIFFER:
                    break
                told = _provider_batch(batch)
                if told.input_file_id == input_file_id or told.feed_batch_id == str(batch_id):
                    found.append(told)
        return sorted(found, key=lambda one: (one.created_at, one.provider_batch_id))

    async def retrieve(self, provider_batch_id: str) -> ProviderBatch:
        """Return the current state of a batch."""
        with self._translated():
            return _provider_batch(await self._client.batches.retrieve(provider_batch_id))

    async def cancel(self, provider_batch_id: str) -> None:
        """Cancel a batch; one that has ended is unchanged."""
        try:
            with self._translated():
                await self._client.batches.cancel(provider_batch_id)
        except ProviderRefused:
            return

    async def size(self, file_id: str) -> int:
        """Return how many bytes a file has."""
        with self._translated():
            return (await self._client.files.retrieve(file_id)).bytes

    async def read(self, file_id: str, begin: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from this position on, also if the server does not support ranges."""
        async with self._content(file_id, begin) as (place, chunks):
            async for chunk in chunks:
                if place + len(chunk) > begin:
                    yield chunk[max(0, begin - place) :]
                place += len(chunk)  # noqa: PLW2901 - where the next chunk begins

    @asynccontextmanager
    async def _content(self, file_id: str, begin: int) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        with self._translated():
            async with self._client.files.with_streaming_response.content(file_id, extra_headers=headers) as answer:
                is_part = answer.status_code == HTTPStatus.PARTIAL_CONTENT
                yield (begin if is_part else 0), answer.iter_bytes(CHUNK_BYTES)

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; it may be gone already."""
        try:
            with self._translated():
                await self._client.files.delete(file_id)
        except NotThere:
            return

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate the client's errors into `BatchProviderError`."""
        try:
            yield
        except openai.APIStatusError as error:
            raise self._told(error) from error
        except (*_LOST, openai.APIError) as error:
            raise ProviderUnavailable(self._detail(error)) from error

    def _told(self, error: openai.APIStatusError) -> ProviderRefused | ProviderUnavailable:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NotThere(self._detail(error))
        if error.status_code in _REFUSED or error.status_code == HTTPStatus.CONFLICT:
            return ProviderRefused(self._detail(error))
        return ProviderUnavailable(self._detail(error))

    def _detail(self, error: BaseException) -> str:
        """Return the message in one line, without the key, which some servers quote."""
        said = " ".join(f"{type(error).__name__}: {error}".split()).replace(self._client.api_key, "***")
        return said[:_MESSAGE_LENGTH]


def _provider_batch(batch: Batch) -> ProviderBatch:
    counts, metadata = batch.request_counts, batch.metadata or {}
    return ProviderBatch(
        provider_batch_id=batch.id,
        status=batch.status,
        input_file_id=batch.input_file_id,
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        total=counts.total if counts else 0,
        completed=counts.completed if counts else 0,
        failed=counts.failed if counts else 0,
        problems=tuple(
            LineProblem(code=one.code or "", message=(one.message or "")[:_MESSAGE_LENGTH], line=one.line)
            for one in (batch.errors.data if batch.errors and batch.errors.data else ())
        ),
        created_at=datetime.fromtimestamp(batch.created_at, UTC),
        expires_at=datetime.fromtimestamp(batch.expires_at, UTC) if batch.expires_at else None,
        feed_batch_id=metadata.get(METADATA_KEY),
    )
