"""What a provider of batches has to offer, and what is known of a batch there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

ENDS = frozenset({"failed", "completed", "expired", "cancelled"})
TOKEN_LIMIT_CODE = "token_limit_exceeded"  # noqa: S105 - a code of the API


class BatchProviderError(Exception):
    """The provider did not do what it was asked; the message is the detail, without any text of a request."""


class ProviderUnavailable(BatchProviderError):
    """It cannot, or will not, now: rate limit, account, outage. Nothing was done; the same may work later."""


class ProviderRefused(BatchProviderError):
    """It will never do this."""


class NotThere(ProviderRefused):
    """It knows no such batch or file."""


class CreateUnanswered(BatchProviderError):
    """A creation was asked for and not answered: the batch may or may not be there."""


class FileCutOff(BatchProviderError):
    """A file ended before its end; what is behind the last whole line is to be fetched again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """Why a batch failed as a whole; `line` counts from 1, None where no line is to blame."""

    code: str
    message: str
    line: int | None

    @property
    def is_token_limit(self) -> bool:
        """Whether too much is waiting at the provider, which is nobody's fault."""
        return self.code == TOKEN_LIMIT_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBatch:
    """A batch as the provider tells it. An id of a file is None where there is none, however it is told."""

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
        """Whether its files are final. Counters tell nothing: they say done before."""
        return self.status in ENDS


class FileReader(Protocol):
    """Reads files at the provider; all methods raise `BatchProviderError`."""

    async def size(self, file_id: str) -> int:
        """Return how many bytes a file has."""

    def read(self, file_id: str, begin: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from this place on."""


class BatchProvider(FileReader, Protocol):
    """All methods raise `BatchProviderError`."""

    async def upload(self, path: Path, name: str) -> str:
        """Upload an input file under this name; gives its id."""

    async def files_named(self, name: str) -> list[str]:
        """Return the ids of input files of this name, the newest first."""

    async def create(self, input_file_id: str, batch_id: UUID) -> ProviderBatch:
        """Create a batch. Not idempotent: asked twice, there are two.

        Raises:
            CreateUnanswered: it may or may not be there.
        """

    async def created_since(self, input_file_id: str, batch_id: UUID, since: datetime) -> list[ProviderBatch]:
        """Return the batches of this file, or with our id, that were created then or later, the oldest first."""

    async def retrieve(self, provider_batch_id: str) -> ProviderBatch:
        """Return how a batch stands."""

    async def cancel(self, provider_batch_id: str) -> None:
        """Have a batch stopped, which takes its time; one that has ended stays as it is."""

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is gone is as good."""
