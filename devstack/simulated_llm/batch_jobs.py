"""The batches of one account, as the API shows them.

Source: https://platform.openai.com/docs/api-reference/batch
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from devstack.simulated_llm.completion import JsonObject
from devstack.simulated_llm.stored_files import page_of

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
STAGES: tuple[BatchStatus, ...] = (
    "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled",
)  # fmt: skip
ENDS = {"failed", "completed", "expired", "cancelled"}


class BatchRequest(BaseModel):
    """The body of ``POST /v1/batches``."""

    input_file_id: str
    endpoint: Literal["/v1/chat/completions"]
    completion_window: Literal["24h"]
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None


class BatchQuery(BaseModel):
    """The query parameters of the list."""

    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


@dataclass(slots=True)
class BatchJob:
    """One batch. Times are Unix seconds; ``cancel_at_s`` is when a cancelled one stops, on the monotonic clock.

    ``absent_file_id`` is what stands in place of the id of a file that there is none of: null, or an empty text.
    """

    input_file_id: str
    metadata: dict[str, str] | None
    expires_s: float
    status: BatchStatus = "validating"
    batch_id: str = field(default_factory=lambda: f"batch_{secrets.token_hex(16)}")
    created_at: int = field(default_factory=lambda: int(time.time()))
    reached_at: dict[str, int] = field(default_factory=dict)
    model: str | None = None
    enqueued_tokens: int = 0
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: list[JsonObject] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    absent_file_id: Literal[""] | None = None
    cancel_at_s: float | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ENDS

    def reach(self, status: BatchStatus) -> None:
        """Come to another status; a batch that is being cancelled stays so until its end."""
        if self.status == "cancelling" and status not in ENDS:
            return
        self.status = status
        self.reached_at[f"{status}_at"] = int(time.time())

    def cancel(self, after_s: float) -> None:
        """Have it stop after so many seconds."""
        if self.cancel_at_s is None:
            self.cancel_at_s = time.monotonic() + after_s
            self.reach("cancelling")
            self.cancelled.set()

    def json(self) -> JsonObject:
        """Return OpenAI's batch object."""
        return {
            "id": self.batch_id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "model": self.model,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id or self.absent_file_id,
            "error_file_id": self.error_file_id or self.absent_file_id,
            "created_at": self.created_at,
            "expires_at": int(self.created_at + self.expires_s),
            **{f"{stage}_at": self.reached_at.get(f"{stage}_at") for stage in STAGES},
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "metadata": self.metadata,
        }


class BatchJobs:
    """All batches, oldest first, and what processes them."""

    def __init__(self) -> None:
        self._by_id: dict[str, BatchJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, job: BatchJob, processing: Coroutine[None, None, None]) -> None:
        """Keep a batch and have it processed."""
        self._by_id[job.batch_id] = job
        task = asyncio.get_running_loop().create_task(processing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def get(self, batch_id: str) -> BatchJob | None:
        """Return the batch, or None."""
        return self._by_id.get(batch_id)

    def enqueued_tokens(self, model: str) -> int:
        """Return what the batches of a model that have not ended are counted with."""
        return sum(job.enqueued_tokens for job in self._by_id.values() if job.is_open and job.model == model)

    def page(self, query: BatchQuery) -> JsonObject:
        """Return one page in OpenAI's list shape, the newest first."""
        return page_of([job.json() for job in self._by_id.values()], query.after, query.limit, newest_first=True)

    async def close(self) -> None:
        """End at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
