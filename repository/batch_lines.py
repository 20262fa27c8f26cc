"""The lines of batches: their bodies, frozen with the intent, and whether they have a result."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from repository.batch_requests import RequestKey
from repository.columns import Columns
from repository.pool import Connection, Pool, connection
from repository.requests import CLAIMED_COLUMNS, EXPERIMENT_NAME, ClaimedRequest, claimed_request

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One line; `body` is the JSON of its chat completion request.

    `call_number` counts the calls for its request; `is_repair`: it quotes a bad answer of an earlier batch,
    `has_larger_limit`: an earlier answer was cut off.
    """

    batch_id: UUID
    line_number: int
    overlay_id: UUID
    revision: int
    call_number: int
    fencing_token: int
    prompt_version: str
    used_temperature: float | None
    used_max_tokens: int
    is_repair: bool
    has_larger_limit: bool
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    """A line without a result, and its request; `is_in_batch`: whether that is still in the batch."""

    line: BatchLine
    request: ClaimedRequest
    is_in_batch: bool


_LINE = Columns(BatchLine)
_ADD = f"INSERT INTO llm_batch_lines ({_LINE}) SELECT {_LINE} FROM {_LINE.unnest('line', first=1)}"  # noqa: S608 - the names are those of the dataclass


async def add_lines(connection: Connection, lines: Sequence[BatchLine]) -> None:
    """Freeze the lines of batches."""
    await connection.execute(_ADD, *_LINE.arrays(lines))


_READ = f"""
    SELECT {_LINE} FROM llm_batch_lines
    WHERE batch_id = $1 AND line_number > $2
    ORDER BY line_number
    LIMIT $3
"""  # noqa: S608 - the same


async def lines_of(pool: Pool, batch_id: UUID) -> AsyncIterator[BatchLine]:
    """Yield the lines of a batch in order, in chunks; no connection is held in between."""
    last = 0
    while True:
        async with connection(pool) as borrowed:
            rows = await borrowed.fetch(_READ, batch_id, last, READ_AT_ONCE)
        for row in rows:
            yield BatchLine(**dict(row))
        if len(rows) < READ_AT_ONCE:
            return
        last = rows[-1]["line_number"]


_OF_BOTH = ("overlay_id", "revision")
_OF_LINE = tuple(name for name in _LINE.names if name not in _OF_BOTH)
_LINE_AS = ", ".join(f"line.{name} AS line_{name}" for name in _OF_LINE)
_OPEN = f"""
    SELECT {CLAIMED_COLUMNS}, false AS reclaimed, {EXPERIMENT_NAME}, {_LINE_AS},
        request.state = 'batched' AND request.batch_id = line.batch_id AS is_in_batch
    FROM llm_batch_lines AS line
    JOIN feed_requests AS request USING (overlay_id, revision)
    WHERE line.batch_id = $1 AND line.result IS NULL
"""  # noqa: S608 - the same
_OPEN_AMONG = f"{_OPEN} AND (line.overlay_id, line.revision) IN (SELECT * FROM unnest($2::uuid[], $3::int[]))"  # noqa: S608 - the same
_OPEN_NEXT = f"{_OPEN} ORDER BY line.line_number LIMIT $2"


async def open_lines(connection: Connection, batch_id: UUID, keys: Sequence[RequestKey]) -> dict[RequestKey, OpenLine]:
    """Return the lines of these requests that have no result yet."""
    rows = await connection.fetch(_OPEN_AMONG, batch_id, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["overlay_id"], row["revision"]): _open_line(row) for row in rows}


async def next_open_lines(connection: Connection, batch_id: UUID, *, limit: int) -> list[OpenLine]:
    """Return the first lines of a batch that have no result."""
    return [_open_line(row) for row in await connection.fetch(_OPEN_NEXT, batch_id, limit)]


def _open_line(row: asyncpg.Record) -> OpenLine:
    line = {name: row[f"line_{name}"] for name in _OF_LINE}
    return OpenLine(
        line=BatchLine(overlay_id=row["overlay_id"], revision=row["revision"], **line),
        request=claimed_request(row),
        is_in_batch=row["is_in_batch"],
    )


_SETTLE = """
    UPDATE llm_batch_lines AS line
    SET result = settled.result, body = NULL
    FROM unnest($2::int[], $3::text[]) AS settled (line_number, result)
    WHERE line.batch_id = $1 AND line.line_number = settled.line_number
"""


async def settle_lines(connection: Connection, batch_id: UUID, results: Sequence[tuple[int, str]]) -> None:
    """Record the results of lines, by their numbers, and delete their bodies."""
    await connection.execute(_SETTLE, batch_id, [number for number, _ in results], [word for _, word in results])


_PRICED = """
    SELECT overlay_id, revision FROM llm_batch_lines
    WHERE batch_id = $1 AND (overlay_id, revision) IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
"""


async def lines_there(connection: Connection, batch_id: UUID, keys: Sequence[RequestKey]) -> set[RequestKey]:
    """Return which of these requests have a line in the batch, with or without a result."""
    rows = await connection.fetch(_PRICED, batch_id, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["overlay_id"], row["revision"]) for row in rows}
