"""The observers beside the producer: rows, outgoing topics, committed offsets and the LLM's ledger.

They look from outside, on connections of their own that no fault touches.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import asyncpg
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from openai import AsyncOpenAI

from devstack.endpoints import SIMULATED_API_KEY
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.ledger import LedgerCall
from repository import partition_leases
from repository.operations.budget_changes import NewLimit, set_limits
from repository.operations.group_requests import adopt
from repository.partition_leases import Member
from schemas.budget_period import BudgetPeriod
from tests.chaos.observations import (
    BatchRow,
    BudgetSample,
    CommitSample,
    FeedRow,
    LlmCall,
    Lost,
    PaidRow,
    ProviderBatch,
    Published,
    RequestRow,
)
from tests.chaos.servers import Servers
from tests.support.kafka_records import read_all

PROMPT_USD, CACHED_USD, COMPLETION_USD = Decimal("0.15e-6"), Decimal("0.075e-6"), Decimal("0.60e-6")
ANSWER_S = 8.0
UP_TO_THE_END = -1
SERVER_AWAY: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection was lost between two parts of one statement
    KafkaError,
)


LOCK_REQUESTS = "SELECT FROM feed_requests WHERE state = 'claimed' LIMIT 3 FOR UPDATE SKIP LOCKED"
LOCK_JOB = """
    INSERT INTO jobs (job_id)
    SELECT job_id FROM feed_requests WHERE state = 'claimed' AND job_id IS NOT NULL ORDER BY created_at DESC LIMIT 1
    ON CONFLICT DO NOTHING
"""


class Rows:
    """What the database holds."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def feeds(self) -> list[FeedRow]:
        """All rows of `instagram_feeds`."""
        found = await self._fetch(
            "SELECT instagram_feed_id, overlay_id, revision, md5(feed::text) AS digest FROM instagram_feeds AS feed"
        )
        return [FeedRow(*row) for row in found]

    async def paid(self) -> list[PaidRow]:
        """What the program knows of each call that was answered, and of each that may have been billed."""
        found = await self._fetch(
            "SELECT overlay_id, total_tokens, CASE WHEN llm_calls = 1 THEN cost_usd END FROM instagram_feeds"
            " WHERE llm_calls > 0"
            " UNION ALL SELECT overlay_id, prompt_tokens + completion_tokens, cost_usd FROM llm_calls"
            " WHERE prompt_tokens IS NOT NULL OR cost_usd IS NULL"
        )
        return [PaidRow(*row) for row in found]

    async def batches(self) -> list[BatchRow]:
        """All rows of `llm_batches`."""
        found = await self._fetch("SELECT provider_batch_id, duplicate_of IS NOT NULL FROM llm_batches")
        return [BatchRow(*row) for row in found]

    async def set_budget(self, limit_usd: Decimal) -> None:
        """Set what all tenants may spend together in a month."""
        limit = NewLimit(period=BudgetPeriod.MONTH, in_tokens=False, limit_usd=limit_usd)
        async with self._connected() as connection:
            await set_limits(connection, None, [limit])

    async def budget(self) -> BudgetSample:
        """What is booked of it, in whatever month, and what it allows."""
        [row] = await self._fetch(
            "SELECT coalesce((SELECT sum(spent) FROM budget_spending), 0)"
            " + coalesce((SELECT sum(spent) FROM budget_slices), 0), (SELECT limit_usd FROM budgets)"
        )
        return BudgetSample(*row)

    async def requests(self) -> list[RequestRow]:
        """All rows of the ledger."""
        found = await self._fetch(
            "SELECT overlay_id, revision, state, source_partition, source_offset,"
            " extract(epoch FROM created_at)::float8, tenant_id, extract(epoch FROM finished_at)::float8"
            " FROM feed_requests"
        )
        return [RequestRow(*row) for row in found]

    async def as_json_lines(self) -> str:
        """The ledger for people who look for the cause of a violation; without the events' bytes."""
        found = await self._fetch(
            "SELECT (to_jsonb(request) - '{source_key,source_value,source_headers}'::text[])::text"
            " FROM feed_requests AS request ORDER BY created_at"
        )
        return "\n".join(row[0] for row in found)

    async def known_overlays(self) -> frozenset[UUID]:
        """The overlays in the ledger."""
        return frozenset(row[0] for row in await self._fetch("SELECT overlay_id FROM feed_requests"))

    async def unfinished(self) -> int:
        """Requests and events that are not at their end."""
        [(count,)] = await self._fetch(
            "SELECT (SELECT count(*) FROM feed_requests WHERE state NOT IN ('done', 'failed'))"
            " + (SELECT count(*) FROM outbox_events)"
            " + (SELECT count(*) FROM llm_batches WHERE available_at IS NOT NULL)"
        )
        return int(count)

    async def outbox_events(self) -> int:
        """Events that are not published."""
        return int((await self._fetch("SELECT count(*) FROM outbox_events"))[0][0])

    async def held_by(self, owner: str) -> frozenset[UUID]:
        """The overlays whose requests a process holds the lease of."""
        found = await self._fetch(
            "SELECT overlay_id FROM feed_requests WHERE state = 'claimed' AND lease_owner = $1", owner
        )
        return frozenset(row[0] for row in found)

    async def lost(self, group_id: str) -> tuple[Lost, ...]:
        """What a group says it could not read any more."""
        found = await self._fetch(
            "SELECT partition, begin_offset, end_offset FROM intake_gaps WHERE group_id = $1", group_id
        )
        return tuple(Lost(*row) for row in found)

    async def able(self, topic: str) -> bool:
        """Whether there are processes, and each of them that lives has a closed breaker."""
        found = await self._fetch(
            "SELECT condition->'breakers' @> '{\"gpt-4o-mini\": null}' FROM intake_members"
            " WHERE topic = $1 AND expires_at > now() AND condition ? 'breakers'",
            topic,
        )
        return bool(found) and all(row[0] for row in found)

    async def join(self, member: Member, *, lease_s: float) -> None:
        """Be a member of the group that reads nothing."""
        async with self._connected() as connection:
            await partition_leases.renew(connection, member, lease_s=lease_s, beacon=None)

    async def leave(self, member: Member) -> None:
        """Be none any more."""
        async with self._connected() as connection:
            await partition_leases.leave(connection, member)

    async def adopt(self, from_group: str, to_group: str) -> None:
        """Have one group go on with what another one left."""
        async with self._connected() as connection:
            await adopt(connection, from_group=from_group, to_group=to_group)

    async def _fetch(self, statement: str, *arguments: object) -> Sequence[Any]:
        async with self._connected() as connection:
            rows: Sequence[Any] = await connection.fetch(statement, *arguments)
            return rows

    async def hold_locks(self, duration_s: float) -> None:
        """Hold requests in flight, and the job of one, in a transaction that does not end for so long."""
        connection = await asyncpg.connect(self._database_url, timeout=ANSWER_S)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                await connection.execute(LOCK_REQUESTS)
                await connection.execute(LOCK_JOB)
                await asyncio.sleep(duration_s)
        finally:
            connection.terminate()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        async with asyncio.timeout(ANSWER_S):
            connection = await asyncpg.connect(self._database_url)
            try:
                yield connection
            finally:
                connection.terminate()


class Reader:
    """An independent reader of the outgoing topics and the committed offsets."""

    def __init__(self, servers: Servers) -> None:
        self._bootstrap_servers = servers.kafka.address
        self._topics = servers.topics

    async def published(self) -> list[Published]:
        """All records of the three outgoing topics."""
        names: list[tuple[Literal["created", "failed", "dead_letter"], str]] = [
            ("created", self._topics.created),
            ("failed", self._topics.failed),
            ("dead_letter", self._topics.dead_letter),
        ]
        return [
            Published(role, record.key, record.value, tuple(record.headers))
            for role, name in names
            for record in await read_all(self._bootstrap_servers, name)
        ]

    async def commit_sample(self, group_id: str, rows: Rows) -> CommitSample:
        """What a group has committed, and then what is accounted for: in this order, so nothing is missed."""
        committed = await self.committed(group_id)
        known = await rows.known_overlays()
        letters = await read_all(self._bootstrap_servers, self._topics.dead_letter)
        lost = await rows.lost(group_id)
        dead = [Published("dead_letter", None, None, tuple(letter.headers)).origin for letter in letters]
        return CommitSample(group_id, committed, known, frozenset(dead), lost)

    async def delete_all(self, partition: int) -> int:
        """Have the broker delete what a partition of the incoming topic has; gives the first offset that is left."""
        whole = TopicPartition(self._topics.incoming, partition)
        async with asyncio.timeout(ANSWER_S), _admin(self._bootstrap_servers) as admin:
            left = await admin.delete_records({whole: RecordsToDelete(UP_TO_THE_END)})
            return int(left[whole])

    async def committed(self, group_id: str) -> dict[int, int]:
        """The committed offset of each partition of the incoming topic that has one."""
        async with asyncio.timeout(ANSWER_S), _admin(self._bootstrap_servers) as admin:
            offsets = await admin.list_consumer_group_offsets(group_id)
            return {
                partition.partition: found.offset
                for partition, found in offsets.items()
                if found.offset >= 0 and partition.topic == self._topics.incoming
            }


async def llm_calls(llm: SimulatedLlmControl) -> list[LlmCall]:
    """The LLM's ledger."""
    return [
        LlmCall(
            overlay_id=UUID(call.overlay_id),
            attempt=call.attempt or 0,
            billed=call.billed,
            fault=call.fault,
            duration_s=(call.answered_at - call.received_at).total_seconds() if call.answered_at else None,
            tokens=call.prompt_tokens + call.completion_tokens,
            cost_usd=_usd(call),
            is_live=call.batch_id is None,
        )
        for call in (await llm.ledger()).calls
        if call.overlay_id
    ]


async def provider_batches(llm: SimulatedLlmControl) -> list[ProviderBatch]:
    """All batches that the provider has."""
    async with AsyncOpenAI(base_url=llm.base_url, api_key=SIMULATED_API_KEY, max_retries=0) as client:
        return [ProviderBatch(batch.id, batch.input_file_id) async for batch in client.batches.list(limit=100)]


def _usd(call: LedgerCall) -> Decimal:
    """Return what gpt-4o-mini, the only model here, costs."""
    fresh = call.prompt_tokens - call.cached_prompt_tokens
    full = fresh * PROMPT_USD + call.cached_prompt_tokens * CACHED_USD + call.completion_tokens * COMPLETION_USD
    return full * Decimal(str(call.price_factor))


async def called_overlays(llm: SimulatedLlmControl) -> frozenset[UUID]:
    """The overlays that a call was begun for."""
    return frozenset(call.overlay_id for call in await llm_calls(llm))


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
