"""Rows that posts refer to and upstream writes: overlays and jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from repository.errors import MissingReference, StoreContention, StoreError, translated
from repository.pool import Connection
from repository.requests import ClaimedRequest

KEYS: Mapping[str, str] = {"jobs": "job_id", "overlay_layouts": "overlay_id"}
"""Upstream's tables, and the column that posts refer to."""


@dataclass(frozen=True, slots=True)
class MissingRows:
    """The tables in which upstream has not committed a request's rows yet, and how long it has waited for them."""

    tables: tuple[str, ...]
    waited_s: float


_MISSING_ROWS = """
    SELECT wanted.overlay_id, wanted.revision, no_job, no_overlay,
        coalesce(extract(epoch FROM now() - request.references_missing_since), 0)::float8 AS waited_s
    FROM (
        SELECT incoming.*,
            'jobs' = ANY($4::text[]) AND job_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = incoming.job_id) AS no_job,
            'overlay_layouts' = ANY($4::text[])
                AND NOT EXISTS (SELECT FROM overlay_layouts o WHERE o.overlay_id = incoming.overlay_id) AS no_overlay
        FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS incoming (overlay_id, revision, job_id)
    ) AS wanted
    JOIN feed_requests AS request USING (overlay_id, revision)
    WHERE no_job OR no_overlay
"""


async def missing_rows(
    connection: Connection, requests: Sequence[ClaimedRequest], *, tables: Collection[str]
) -> dict[tuple[UUID, int], MissingRows]:
    """Return those requests, by overlay and revision, that lack a row in one of these tables."""
    rows = await connection.fetch(
        _MISSING_ROWS,
        [request.overlay_id for request in requests],
        [request.revision for request in requests],
        [request.job_id for request in requests],
        list(tables),
    )
    return {
        (row["overlay_id"], row["revision"]): MissingRows(
            tuple(
                table for table, is_missing in zip(KEYS, (row["no_job"], row["no_overlay"]), strict=True) if is_missing
            ),
            row["waited_s"],
        )
        for row in rows
    }


async def unfillable_tables(connection: Connection) -> dict[str, str]:
    """Return upstream's tables into which no row can be inserted here, and why not.

    It is tried and rolled back, since required columns, rights, triggers and constraints all matter.
    """
    reasons = {}
    for table, key in KEYS.items():
        try:
            await _try_to_fill(connection, table, key)
        except StoreContention:
            continue  # no obstacle is known
        except StoreError as error:
            reasons[table] = await _reason(connection, table, error)
    return reasons


async def may_insert(connection: Connection) -> bool:
    """Return whether the role may insert rows into upstream's tables."""
    return bool(await connection.fetchval(_MAY_INSERT, list(KEYS), list(KEYS.values())))


_MAY_INSERT = """
    SELECT bool_and(has_column_privilege(to_regclass(name), key, 'INSERT'))
    FROM unnest($1::text[], $2::text[]) AS upstream (name, key)
"""

AS_A_TRIAL = """
    SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s'; SET CONSTRAINTS ALL IMMEDIATE
"""
"""What begins a transaction that is taken back: it is to be in nobody's way."""


async def _try_to_fill(connection: Connection, table: str, key: str) -> None:
    insert = f"INSERT INTO {table} ({key}) VALUES ('{uuid4()}')"  # noqa: S608 - names of our own
    transaction = connection.transaction()
    with translated():
        await transaction.start()
        try:
            await connection.execute(AS_A_TRIAL)
            await connection.execute(insert)
        finally:
            await transaction.rollback()


_UNFILLED_COLUMNS = """
    SELECT attname
    FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        AND attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AND attname <> $2
    ORDER BY attnum
"""


async def _reason(connection: Connection, table: str, error: StoreError) -> str:
    """Return the reason; if it is required columns, all of them."""
    if not isinstance(error, MissingReference) or error.column is None:
        return f"{table}: {error}"
    rows = await connection.fetch(_UNFILLED_COLUMNS, table, KEYS[table])
    columns = [row["attname"] for row in rows] or [error.column]
    return f"{', '.join(f'{table}.{column}' for column in columns)} must not be NULL"
