"""The port to a provider of batches, and the state of a batch there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

ENDS = frozenset({"failed", "completed", "expired", "cancelled"})
TOKEN_LIMIT_CODE = "token_limit_exceeded"  # noqa: S105 - a code of the API


class BatchProviderError(Exception):
    """The provider failed; the message is the detail, without texts of requests."""


class ProviderUnavailable(BatchProviderError):
    """Temporarily unavailable: rate limit, account, outage. Nothing was done; the same may succeed later."""


class ProviderRefused(BatchProviderError):
    """Permanently refused."""


class NotThere(ProviderRefused):
    """There is no such batch or file."""


class CreateUnanswered(BatchProviderError):
    """A creation got no response: the batch may or may not exist."""


class FileCutOff(BatchProviderError):
    """A file was truncated; what follows the last complete line must be fetched again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """Why a batch failed as a whole; `line` counts from 1, None if no line is at fault."""

    code: str
    message: str
    line: int | None

    @property
    def is_token_limit(self) -> bool:
        """Whether too many tokens are enqueued at the provider, which is no request's fault."""
        return self.code == TOKEN_LIMIT_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBatch:
    """A batch as reported by the provider. The id of a missing file is None."""

    provider_batch_id: str
    status: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    total: int
    completed: int
    failed: int
    problems: tuple[LineProblem, ...]
    created_at: datetime
    expires_at: datetime | None
    feed_batch_id: str | None

    @property
    def has_ended(self) -> bool:
        """Whether its files are final. Counters are no indication: they say so earlier."""
        return self.status in ENDS


class FileReader(Protocol):
    """Reads files at the provider; all methods raise `BatchProviderError`."""

    async def size(self, file_id: str) -> int:
        """Return how many bytes a file has."""

    def read(self, file_id: str, begin: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from this position on."""


class BatchProvider(FileReader, Protocol):
    """All methods raise `BatchProviderError`."""

    async def upload(self, path: Path, name: str) -> str:
        """Upload an input file under this name; returns its id."""

    async def files_named(self, name: str) -> list[str]:
        """Return the ids of input files with this name, newest first."""

    async def create(self, input_file_id: str, batch_id: UUID) -> ProviderBatch:
        """Create a batch. Not idempotent: two calls create two.

        Raises:
            CreateUnanswered: it may or may not exist.
        """

    async def created_since(self, input_file_id: str, batch_id: UUID, since: datetime) -> list[ProviderBatch]:
        """Return the batches of this file, or with our id, created at that time or later, oldest first."""

    async def retrieve(self, provider_batch_id: str) -> ProviderBatch:
        """Return the current state of a batch."""

    async def cancel(self, provider_batch_id: str) -> None:
        """Request cancellation of a batch; one that has ended is unchanged."""

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; it may be gone already."""
