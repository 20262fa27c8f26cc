"""Partition leases: one row per reading process, one per partition.

A process is a member while it renews its lease and, if it has a beacon (`repository.beacon`), while that is lit. A
partition is leased while its owner is a member. The fencing token grows whenever a partition changes hands.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from repository.columns import one_more
from repository.pool import Connection

IDLE_MS = 1_500  # the shares are computed in a few milliseconds
CHANNEL = "partition_leases"
"""The NOTIFY channel for hints that shares may have changed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process that reads a topic for a group."""

    group_id: str
    topic: str
    owner: str


@dataclass(frozen=True, slots=True)
class PartitionLease:
    """A partition's lease. `topic_id`: the topic that the committed offsets belong to, if known."""

    partition: int
    fencing_token: int
    topic_id: UUID | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets of a partition that the broker had deleted before they were read; `end_offset` was still there."""

    partition: int
    begin_offset: int
    end_offset: int


@asynccontextmanager
async def sharing(connection: Connection, member: Member) -> AsyncIterator[None]:
    """Yield a transaction with the exclusive right to change the group's shares.

    A process that is frozen within it is disconnected by the server, so that it does not hold up the others for long.
    """
    async with connection.transaction():
        await connection.execute(_PATIENCE, f"{IDLE_MS}", f"{2 * IDLE_MS}")
        await connection.execute(_ONE_AT_A_TIME, member.group_id, member.topic)
        yield


_PATIENCE = """
    SELECT set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true)
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(10) || $2, 9))"

_RENEW = """
    INSERT INTO intake_members AS member (group_id, topic, owner, beacon, condition, expires_at)
    VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 second')
    ON CONFLICT (group_id, topic, owner) DO UPDATE
    SET beacon = excluded.beacon, condition = excluded.condition, expires_at = excluded.expires_at
    RETURNING xmax = 0 AS is_new
"""


async def renew(
    connection: Connection,
    member: Member,
    *,
    lease_s: float,
    beacon: int | None,
    condition: Mapping[str, object] | None = None,
) -> bool:
    """Renew the membership for `lease_s`, with the process's condition. Returns whether it is new."""
    said = json.dumps(condition or {}, ensure_ascii=False)
    return bool(await connection.fetchval(_RENEW, member.group_id, member.topic, member.owner, beacon, said, lease_s))


# A killed process's session ends at once, and with it the lock; a frozen one's lease must expire. After an outage of
# the database all need time to renew theirs. A lease longer than any can be was taken before the server's clock was
# set back, and would block its partitions for as long.
_BURY = """
    DELETE FROM intake_members AS member
    WHERE group_id = $1 AND topic = $2 AND owner <> $3
        AND pg_postmaster_start_time() < clock_timestamp() - $4 * interval '1 second'
        AND (
            expires_at < clock_timestamp()
            OR expires_at > clock_timestamp() + 10 * $4 * interval '1 second'
            OR beacon IS NOT NULL AND beacon NOT IN (
                SELECT (classid::bigint << 32) | objid::bigint
                FROM pg_locks
                WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            )
        )
    RETURNING owner
"""


async def bury(connection: Connection, member: Member, *, lease_s: float) -> list[str]:
    """Remove the members that are dead or frozen; returns their names."""
    rows = await connection.fetch(_BURY, member.group_id, member.topic, member.owner, lease_s)
    return [row["owner"] for row in rows]


_MEMBERS = "SELECT owner FROM intake_members WHERE group_id = $1 AND topic = $2"


async def members(connection: Connection, member: Member) -> list[str]:
    """Return the names of all members, including this process."""
    return [row["owner"] for row in await connection.fetch(_MEMBERS, member.group_id, member.topic)]


_HOLDERS = """
    SELECT lease.partition, lease.owner
    FROM partition_leases AS lease
    JOIN intake_members AS member USING (group_id, topic, owner)
    WHERE lease.group_id = $1 AND lease.topic = $2
"""


async def holders(connection: Connection, member: Member) -> dict[int, str]:
    """Return the leased partitions and their owners."""
    rows = await connection.fetch(_HOLDERS, member.group_id, member.topic)
    return {row["partition"]: row["owner"] for row in rows}


_TAKE = f"""
    INSERT INTO partition_leases AS lease (group_id, topic, partition, owner)
    SELECT $1, $2, partition, $3 FROM unnest($4::int[]) AS wanted (partition)
    ON CONFLICT (group_id, topic, partition) DO UPDATE
    SET owner = excluded.owner, fencing_token = {one_more("lease.fencing_token")}, leased_at = excluded.leased_at
"""  # noqa: S608 - no value is in it


async def take(connection: Connection, member: Member, partitions: Collection[int]) -> None:
    """Lease free partitions; to be called within `sharing`."""
    await connection.execute(_TAKE, member.group_id, member.topic, member.owner, list(partitions))


_GIVE_BACK = """
    UPDATE partition_leases SET owner = NULL
    WHERE group_id = $1 AND topic = $2 AND owner = $3 AND partition = ANY($4::int[])
"""


async def give_back(connection: Connection, member: Member, partitions: Collection[int]) -> None:
    """Release own leases."""
    await connection.execute(_GIVE_BACK, member.group_id, member.topic, member.owner, list(partitions))


_LEASES = """
    SELECT partition, fencing_token, topic_id FROM partition_leases
    WHERE group_id = $1 AND topic = $2 AND owner = $3
"""


async def leases_of(connection: Connection, member: Member) -> list[PartitionLease]:
    """Return the leases of one member."""
    rows = await connection.fetch(_LEASES, member.group_id, member.topic, member.owner)
    return [PartitionLease(**dict(row)) for row in rows]


_NOTE_TOPIC = """
    UPDATE partition_leases SET topic_id = $4
    WHERE group_id = $1 AND topic = $2 AND owner = $3 AND partition = ANY($5::int[]) AND topic_id IS DISTINCT FROM $4
"""


async def note_topic(connection: Connection, member: Member, topic_id: UUID, partitions: Collection[int]) -> None:
    """Record which topic these leased partitions are being read from."""
    await connection.execute(_NOTE_TOPIC, member.group_id, member.topic, member.owner, topic_id, list(partitions))


_LEAVE = """
    WITH freed AS (
        UPDATE partition_leases SET owner = NULL WHERE (group_id, topic, owner) = ($1, $2, $3)
    )
    DELETE FROM intake_members WHERE (group_id, topic, owner) = ($1, $2, $3)
"""


async def leave(connection: Connection, member: Member) -> None:
    """Leave, release all leases, and notify the others."""
    await connection.execute(_LEAVE, member.group_id, member.topic, member.owner)
    await hint(connection, member)


async def hint(connection: Connection, member: Member) -> None:
    """Notify listeners that the shares may have changed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{member.group_id}\n{member.topic}")


_NOTE_GAPS = """
    INSERT INTO intake_gaps AS known (group_id, topic, partition, begin_offset, end_offset)
    SELECT $1, $2, partition, begin_offset, end_offset
    FROM unnest($3::int[], $4::bigint[], $5::bigint[]) AS gap (partition, begin_offset, end_offset)
    ON CONFLICT (group_id, topic, partition, begin_offset) DO UPDATE
    SET end_offset = excluded.end_offset, noticed_at = excluded.noticed_at
"""


async def note_gaps(connection: Connection, member: Member, gaps: Sequence[Gap]) -> None:
    """Record lost offsets."""
    await connection.execute(
        _NOTE_GAPS,
        member.group_id,
        member.topic,
        [gap.partition for gap in gaps],
        [gap.begin_offset for gap in gaps],
        [gap.end_offset for gap in gaps],
    )
