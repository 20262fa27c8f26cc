"""The outbox on a real Postgres: each event in the hands of one relay at a time, and none missed."""

import asyncio

import pytest

from repository.outbox import NewOutboxEvent, OutboxEvent, claim_pending, delete_published, give_back
from repository.pool import Pool, connection
from schemas.record import OutgoingRecord
from tests.support.examples import announcement
from tests.support.ledger import count
from tests.support.outbox_rows import put


async def claim(pool: Pool, *, lease_s: float = 30, limit: int = 100) -> list[OutboxEvent]:
    async with connection(pool) as borrowed:
        events, unreadable = await claim_pending(borrowed, lease_s=lease_s, limit=limit)
    assert unreadable == []
    return events


def ids(events: list[OutboxEvent]) -> list[int]:
    return [event.outbox_id for event in events]


@pytest.mark.parametrize(
    "record",
    [
        OutgoingRecord("t", b"key", b"value", (("ce_id", b"1"), ("ce_id", None), ("", b"\xff"))),
        OutgoingRecord("t", None, b"", ()),
        OutgoingRecord("t", b"", None, ()),
    ],
)
async def test_an_event_comes_out_byte_for_byte(pool: Pool, record: OutgoingRecord) -> None:
    event = await put(pool, NewOutboxEvent(announcement().event_id, record))
    assert await claim(pool) == [event]


async def test_the_oldest_come_first_and_no_more_than_asked_for(pool: Pool) -> None:
    events = [await put(pool, announcement()) for _ in range(5)]
    assert await claim(pool, limit=3) == events[:3]
    assert await claim(pool, limit=3) == events[3:]


async def test_an_event_in_hand_is_not_handed_out_until_its_lease_has_run_out(pool: Pool) -> None:
    in_hand = await put(pool, announcement(), lease_s=60)
    left_behind = await put(pool, announcement(), lease_s=-1)
    assert await claim(pool, lease_s=-1) == [left_behind]
    assert await claim(pool) == [left_behind]
    await pool.execute("UPDATE outbox_events SET available_at = now() WHERE outbox_id = $1", in_hand.outbox_id)
    assert await claim(pool) == [in_hand]


async def test_many_relays_at_once_share_the_events(pool: Pool) -> None:
    events = [await put(pool, announcement()) for _ in range(60)]
    claims = await asyncio.gather(*(claim(pool, limit=20) for _ in range(6)))
    assert sorted(outbox_id for claimed in claims for outbox_id in ids(claimed)) == ids(events)


async def test_a_relay_does_not_wait_for_events_that_another_is_taking(pool: Pool) -> None:
    events = [await put(pool, announcement()) for _ in range(4)]
    async with connection(pool) as slow, slow.transaction():
        assert await claim_pending(slow, lease_s=30, limit=2) == (events[:2], [])
        async with asyncio.timeout(5):
            assert await claim(pool) == events[2:]


async def test_an_event_that_commits_after_a_later_one_is_not_missed(pool: Pool) -> None:
    async with connection(pool) as slow:
        transaction = slow.transaction()
        await transaction.start()
        early = await put(slow, announcement())
        late = await put(pool, announcement())
        assert early.outbox_id < late.outbox_id
        assert await claim(pool) == [late]
        await transaction.commit()
    assert await claim(pool) == [early]


async def test_exactly_what_was_published_is_deleted(pool: Pool) -> None:
    events = [await put(pool, announcement()) for _ in range(3)]
    async with connection(pool) as borrowed:
        await delete_published(borrowed, ids(events)[::2])
    assert await claim(pool) == [events[1]]


async def test_what_could_not_be_sent_is_given_back_for_a_later_time(pool: Pool) -> None:
    events = [await put(pool, announcement()) for _ in range(3)]
    await claim(pool)
    async with connection(pool) as borrowed:
        await give_back(borrowed, ids(events)[1:2], delay_s=60)
        await give_back(borrowed, ids(events)[2:], delay_s=0)
    assert await claim(pool) == events[2:]
    assert await count(pool, "outbox_events") == 3
