"""Rows that posts refer to and upstream writes: overlays and jobs."""

from collections.abc import Sequence
from uuid import UUID

from repository.pool import Connection

_MISSING_REFERENCES = """
    SELECT overlay_id
    FROM unnest($1::uuid[], $2::uuid[]) AS wanted (overlay_id, job_id)
    WHERE NOT EXISTS (SELECT FROM overlay_layouts o WHERE o.overlay_id = wanted.overlay_id)
        OR (job_id IS NOT NULL AND NOT EXISTS (SELECT FROM jobs j WHERE j.job_id = wanted.job_id))
"""


async def missing_references(
    connection: Connection, overlay_ids: Sequence[UUID], job_ids: Sequence[UUID | None]
) -> set[UUID]:
    """Those overlays whose own row or whose job's row upstream has not committed yet."""
    rows = await connection.fetch(_MISSING_REFERENCES, overlay_ids, job_ids)
    return {row["overlay_id"] for row in rows}
