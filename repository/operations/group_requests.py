"""Requests by group: what one leaves unfinished no other touches, until it adopts it."""

from repository.pool import Connection

_ADOPT = """
    WITH adopted_batches AS (
        UPDATE llm_batches SET group_id = $2 WHERE group_id = $1 AND available_at IS NOT NULL
    )
    UPDATE feed_requests SET group_id = $2, updated_at = now()
    WHERE group_id = $1 AND state NOT IN ('done', 'failed')
"""


async def adopt(connection: Connection, *, from_group: str, to_group: str) -> int:
    """Have one group go on with what another one left unfinished, batches too; gives how many requests that are."""
    status = await connection.execute(_ADOPT, from_group, to_group)
    return int(status.rpartition(" ")[2])
