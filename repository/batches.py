"""Batches: one row of `llm_batches` each, from the intent to the end.

A batch is processed by one process at a time, the holder of its lease: a time, and a fencing token that grows with
every claim, so that writes of a process that lost it have no effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from repository.columns import one_more
from repository.llm_models import LlmModel
from repository.pool import Connection
from schemas.batch_state import BatchState

_MODEL = TypeAdapter(LlmModel)
ResultFile = Literal["output", "error"]


class BatchLeaseLost(Exception):
    """Another process has taken over the batch; nothing was written."""


class UnreadableBatch(Exception):
    """Somebody has changed the row of a batch by hand, so that it is none."""

    def __init__(self, batch_id: UUID) -> None:
        super().__init__(f"the row of batch {batch_id} cannot be read")
        self.batch_id = batch_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch to be recorded, for this model as its row is now."""

    batch_id: UUID
    model: LlmModel
    group_id: str
    request_count: int
    estimated_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A row of `llm_batches`. `create_age_s`: how long ago its creation was last requested, if it was."""

    batch_id: UUID
    provider: str
    provider_batch_id: str | None
    model: LlmModel
    state: BatchState
    provider_status: str | None
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    request_count: int
    completed_count: int
    failed_count: int
    stray_count: int
    suspect_count: int
    estimated_tokens: int
    create_count: int
    create_began_at: datetime | None
    cancel_requested_at: datetime | None
    rest_goes_live: bool
    duplicate_of: UUID | None
    output_position: int
    error_position: int
    intended_at: datetime
    submitted_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    collected_at: datetime | None
    cost_usd: Decimal
    last_error: str | None
    fencing_token: int
    create_age_s: float | None = None

    @property
    def file_ids(self) -> tuple[str, ...]:
        """Its files at the provider."""
        return tuple(filter(None, (self.input_file_id, self.output_file_id, self.error_file_id)))

    def position(self, file: ResultFile) -> int:
        """Return how many bytes of a file have been collected."""
        return self.output_position if file == "output" else self.error_position


BATCH_COLUMNS = ", ".join(field.name for field in fields(Batch) if field.name != "create_age_s")
_CREATE_AGE = "extract(epoch FROM now() - create_began_at)::float8 AS create_age_s"


def batch_of(row: asyncpg.Record) -> Batch:
    """Read a row of `BATCH_COLUMNS`."""
    return Batch(**dict(row) | {"model": _MODEL.validate_json(row["model"]), "state": BatchState(row["state"])})


_INTEND = """
    INSERT INTO llm_batches (
        batch_id, provider, llm_model_id, model, group_id, state, request_count, estimated_tokens)
    VALUES ($1, $2, $3, $4, $5, 'intended', $6, $7)
"""


async def intend(connection: Connection, batch: NewBatch) -> None:
    """Record the intent of a batch; any process may continue it once that is committed."""
    await connection.execute(
        _INTEND,
        batch.batch_id,
        batch.model.provider,
        batch.model.llm_model_id,
        _MODEL.dump_json(batch.model).decode(),
        batch.group_id,
        batch.request_count,
        batch.estimated_tokens,
    )


_CLAIM = f"""
    UPDATE llm_batches
    SET lease_owner = $1, available_at = now() + $2 * interval '1 second', fencing_token = {one_more("fencing_token")}
    WHERE batch_id = (
        SELECT batch_id FROM llm_batches
        WHERE available_at <= now() AND (group_id = $3 OR group_id IS NULL)
        ORDER BY available_at
        LIMIT 1
        FOR UPDATE SKIP LOCKED)
    RETURNING {BATCH_COLUMNS}, {_CREATE_AGE}
"""  # noqa: S608 - the names are those of the dataclass


async def claim_batch(connection: Connection, *, owner: str, lease_s: float, group_id: str) -> Batch | None:
    """Claim the batch that has been due for longest, if any.

    Raises:
        UnreadableBatch: nothing can be made of its row. It is leased all the same.
    """
    row = await connection.fetchrow(_CLAIM, owner, lease_s, group_id)
    if row is None:
        return None
    try:
        return batch_of(row)
    except ValueError as error:  # pydantic's is one
        raise UnreadableBatch(row["batch_id"]) from error


_SET_APART = """
    UPDATE llm_batches SET available_at = NULL, last_error = $2 WHERE batch_id = $1
"""


async def set_apart(connection: Connection, batch_id: UUID, *, reason: str) -> None:
    """Have no process look at a batch again until somebody has repaired its row and set `available_at`."""
    await connection.execute(_SET_APART, batch_id, reason)


async def change_batch(
    connection: Connection, batch: Batch, *, look_again_s: float | None, columns: Mapping[str, object]
) -> Batch:
    """Set columns of a batch leased here; it is due again after so many seconds, or never (None).

    Returns the row as it is now.

    Raises:
        BatchLeaseLost: another process has it.
    """
    names = list(columns)
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, start=4))
    statement = f"""
        UPDATE llm_batches
        SET available_at = now() + $3 * interval '1 second'{"," if names else ""} {changes}
        WHERE batch_id = $1 AND fencing_token = $2
        RETURNING {BATCH_COLUMNS}, {_CREATE_AGE}
    """  # noqa: S608 - names of columns that our code gives
    row = await connection.fetchrow(statement, batch.batch_id, batch.fencing_token, look_again_s, *columns.values())
    if row is None:
        raise BatchLeaseLost
    return batch_of(row)


_ADVANCE = """
    UPDATE llm_batches
    SET output_position = CASE $3::text WHEN 'output' THEN $4 ELSE output_position END,
        error_position = CASE $3::text WHEN 'error' THEN $4 ELSE error_position END,
        stray_count = stray_count + $5,
        suspect_count = suspect_count + $6,
        cost_usd = cost_usd + $7,
        available_at = now() + $8 * interval '1 second'
    WHERE batch_id = $1 AND fencing_token = $2
    RETURNING batch_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The progress of a batch by a group of results; `position` is the end of the group, in bytes of its file."""

    file: ResultFile | None
    position: int
    cost_usd: Decimal
    strays: int = 0
    suspects: int = 0


async def advance_batch(connection: Connection, batch: Batch, step: Advance, *, lease_s: float) -> None:
    """Record that a group of results was processed, in the same transaction; extends the lease.

    Raises:
        BatchLeaseLost: another process has the batch: the transaction must not be committed.
    """
    figures: tuple[Any, ...] = (step.position, step.strays, step.suspects, step.cost_usd, lease_s)
    if await connection.fetchval(_ADVANCE, batch.batch_id, batch.fencing_token, step.file, *figures) is None:
        raise BatchLeaseLost


_DUPLICATE = """
    INSERT INTO llm_batches (
        batch_id, provider, provider_batch_id, llm_model_id, model, group_id, state, input_file_id, request_count,
        estimated_tokens, duplicate_of, submitted_at, cancel_requested_at)
    SELECT gen_random_uuid(), provider, $2, llm_model_id, model, group_id, 'created', NULL, request_count,
        0, batch_id, now(), now()
    FROM llm_batches
    WHERE batch_id = $1
    ON CONFLICT (provider_batch_id) DO NOTHING
    RETURNING batch_id
"""


async def note_duplicate(connection: Connection, batch: Batch, provider_batch_id: str) -> bool:
    """Record a second batch created from the same file, to be cancelled; returns whether it is new."""
    return await connection.fetchval(_DUPLICATE, batch.batch_id, provider_batch_id) is not None


_ROOM = """
    SELECT learned.llm_model_id, learned.enqueued_tokens - coalesce((
        SELECT sum(estimated_tokens) FROM llm_batches AS batch
        WHERE batch.llm_model_id = learned.llm_model_id AND batch.state IN ('intended', 'uploaded', 'created')
    ), 0)::bigint AS room
    FROM llm_batch_limits AS learned
"""


async def enqueued_room(connection: Connection) -> dict[UUID, int]:
    """Return how many more tokens the provider accepts now, by model, for models whose limit is known."""
    return {row["llm_model_id"]: row["room"] for row in await connection.fetch(_ROOM)}


_ENQUEUED = """
    SELECT coalesce(sum(estimated_tokens), 0)::bigint FROM llm_batches
    WHERE llm_model_id = $1 AND state IN ('intended', 'uploaded', 'created')
"""
_LIMIT = "SELECT enqueued_tokens FROM llm_batch_limits WHERE llm_model_id = $1"


async def enqueued_tokens(connection: Connection, llm_model_id: UUID) -> tuple[int, int | None]:
    """Return how many tokens are enqueued in batches of a model, and the limit if known."""
    return await connection.fetchval(_ENQUEUED, llm_model_id), await connection.fetchval(_LIMIT, llm_model_id)


_LEARN = """
    INSERT INTO llm_batch_limits (llm_model_id, enqueued_tokens) VALUES ($1, $2)
    ON CONFLICT (llm_model_id) DO UPDATE SET enqueued_tokens = excluded.enqueued_tokens, updated_at = now()
"""


async def learn_limit(connection: Connection, llm_model_id: UUID, tokens: int) -> None:
    """Record how many tokens a model's batches may have enqueued."""
    await connection.execute(_LEARN, llm_model_id, tokens)
