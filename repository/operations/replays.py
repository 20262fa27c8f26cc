"""Replays: what was asked for, how far each has read, and what has become of its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from repository.pool import Connection


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """Offsets of one partition, `end` exclusive; those before `next` have been dealt with."""

    partition: int
    begin: int
    end: int
    next: int


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """What has become of the requests that a replay entered. Cost is what all their calls took.

    `batched` of those that are pending wait for a batch, or are in one.
    """

    pending: int
    batched: int
    done: int
    failed: int
    taken: int
    republished: int
    cost_usd: Decimal

    @property
    def entered(self) -> int:
        """How many overlays the replay has asked something for."""
        return self.pending + self.done + self.failed + self.republished


_BEGIN = """
    WITH begun AS (
        INSERT INTO replays (replay_id, name, mode, topic, asked) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (replay_id) DO NOTHING
        RETURNING replay_id
    )
    INSERT INTO replay_partitions (replay_id, partition, begin_offset, end_offset, next_offset)
    SELECT begun.replay_id, range.partition, range.begin_offset, range.end_offset, range.begin_offset
    FROM begun, unnest($6::int[], $7::bigint[], $8::bigint[]) AS range (partition, begin_offset, end_offset)
"""


async def begin_replay(
    connection: Connection,
    replay_id: UUID,
    *,
    name: str,
    mode: str,
    topic: str,
    asked: str,
    ranges: Sequence[PartitionRange],
) -> None:
    """Enter a replay and its range; one that is known stays as it is. `asked` is a JSON text."""
    columns = [
        [one.partition for one in ranges],
        [one.begin for one in ranges],
        [one.end for one in ranges],
    ]
    await connection.execute(_BEGIN, replay_id, name, mode, topic, asked, *columns)


async def ranges_of(connection: Connection, replay_id: UUID) -> list[PartitionRange]:
    """Return the range of a replay and how far it has come; empty for one that is not known."""
    rows = await connection.fetch(
        "SELECT partition, begin_offset, end_offset, next_offset FROM replay_partitions "
        "WHERE replay_id = $1 ORDER BY partition",
        replay_id,
    )
    return [PartitionRange(*row) for row in rows]


async def mode_of(connection: Connection, replay_id: UUID) -> tuple[str, str] | None:
    """Return mode and JSON text of what was asked for; None for a replay that is not known."""
    row = await connection.fetchrow("SELECT mode, asked::text FROM replays WHERE replay_id = $1", replay_id)
    return None if row is None else (row[0], row[1])


_ADVANCE = """
    UPDATE replay_partitions AS known
    SET next_offset = greatest(known.next_offset, reached.next_offset)
    FROM unnest($2::int[], $3::bigint[]) AS reached (partition, next_offset)
    WHERE known.replay_id = $1 AND known.partition = reached.partition
"""


async def advance(connection: Connection, replay_id: UUID, reached: Mapping[int, int]) -> None:
    """Note how far each partition has been dealt with; never back, as two may run the same replay."""
    await connection.execute(_ADVANCE, replay_id, list(reached), list(reached.values()))


_PROGRESS = """
    SELECT
        count(*) FILTER (WHERE state NOT IN ('done', 'failed')) AS pending,
        count(*) FILTER (WHERE state = 'batched') AS batched,
        count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state <> 'waiting' OR llm_calls > 0 OR fencing_token > 1) AS taken,
        (SELECT count(*) FROM replay_republished WHERE replay_id = $1) AS republished,
        coalesce(sum(cost_usd), 0) AS cost_usd
    FROM feed_requests
    WHERE replay_id = $1
"""


async def replay_progress(connection: Connection, replay_id: UUID) -> ReplayProgress:
    """Return how the requests of a replay stand."""
    row = await connection.fetchrow(_PROGRESS, replay_id)
    if row is None:
        raise LookupError("an aggregate always has a row")
    return ReplayProgress(**dict(row))
