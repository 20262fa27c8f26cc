"""Members and leases on a real Postgres: who lives, who holds what, and how soon a dead one is found out."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from repository import beacon as beacon_module
from repository import partition_leases
from repository.beacon import Beacon
from repository.errors import StoreError
from repository.partition_leases import CHANNEL, Gap, Member
from repository.pool import Pool, connection
from tests.support.ledger import until_take_overs
from tests.support.waiting import eventually

LEASE_S = 1.0
END_SESSIONS_WITH_LOCKS = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
ONE, OTHER = (Member("group", "topic", owner) for owner in ("one", "other"))


@pytest.fixture(autouse=True)
async def _no_members(pool: Pool) -> None:
    """Nobody is there, and the server has been up for a lease."""
    await pool.execute("DELETE FROM intake_members; DELETE FROM partition_leases; DELETE FROM intake_gaps")
    await until_take_overs(pool, lease_s=LEASE_S)


async def renew(pool: Pool, member: Member, *, lease_s: float = 5, beacon: int | None = None) -> bool:
    async with connection(pool) as borrowed:
        return await partition_leases.renew(borrowed, member, lease_s=lease_s, beacon=beacon)


async def bury(pool: Pool) -> list[str]:
    async with connection(pool) as borrowed:
        return await partition_leases.bury(borrowed, ONE, lease_s=LEASE_S)


async def holders(pool: Pool) -> dict[int, str]:
    async with connection(pool) as borrowed:
        return await partition_leases.holders(borrowed, ONE)


async def take(pool: Pool, member: Member, *partitions: int) -> dict[int, int]:
    """Take partitions; gives the fencing token of each that the member has now."""
    async with connection(pool) as borrowed, partition_leases.sharing(borrowed, member):
        await partition_leases.take(borrowed, member, partitions)
        return {one.partition: one.fencing_token for one in await partition_leases.leases_of(borrowed, member)}


@asynccontextmanager
async def lit(url: str, owner: str) -> AsyncIterator[Beacon]:
    beacon = Beacon(lambda: url, owner, application_name="tests", channel=CHANNEL)
    try:
        yield beacon
    finally:
        await beacon.put_out()


async def test_a_member_without_a_beacon_lives_as_long_as_its_lease(pool: Pool) -> None:
    assert await renew(pool, OTHER)
    assert not await renew(pool, OTHER)
    assert await bury(pool) == []
    await renew(pool, OTHER, lease_s=-1)
    assert await bury(pool) == ["other"]


async def test_a_lease_that_is_longer_than_any_can_be_was_taken_by_another_clock(pool: Pool) -> None:
    """Else a process that died before the server's clock was set back would keep its partitions for so long."""
    await renew(pool, OTHER, lease_s=3_600)
    assert await bury(pool) == ["other"]


async def test_a_member_dies_the_moment_its_session_does_however_long_its_lease(
    pool: Pool, module_database_url: str
) -> None:
    async with lit(module_database_url, "other") as beacon:
        await renew(pool, OTHER, beacon=await beacon.lit())
        await take(pool, OTHER, 0, 1)
        assert await bury(pool) == []
        assert await holders(pool) == {0: "other", 1: "other"}
        await pool.execute(END_SESSIONS_WITH_LOCKS)
        assert await eventually(lambda: bury(pool), 5) == ["other"]
        assert await holders(pool) == {}


async def test_a_beacon_that_went_out_is_lit_again_under_another_key(pool: Pool, module_database_url: str) -> None:
    async with lit(module_database_url, "one") as beacon:
        first = await beacon.lit()
        assert await beacon.lit() == first
        await pool.execute(END_SESSIONS_WITH_LOCKS)

        async def another() -> bool:
            key = await beacon.lit()
            return key not in {None, first}

        await eventually(another, 10)


async def test_behind_a_pooler_there_is_no_beacon(module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pooled(_: object) -> bool:
        return True

    monkeypatch.setattr(beacon_module, "is_pooled", pooled)
    async with lit(module_database_url, "one") as beacon:
        assert await beacon.lit() is None


async def test_a_beacon_hears_at_once_that_shares_may_have_changed(pool: Pool, module_database_url: str) -> None:
    heard: list[bool] = []
    async with lit(module_database_url, "one") as beacon:
        beacon.on_hint = lambda: heard.append(True)
        await beacon.lit()
        async with connection(pool) as borrowed:
            await partition_leases.leave(borrowed, OTHER)
        await eventually(lambda: heard, 5)


async def test_each_change_of_hands_has_a_token_of_its_own(pool: Pool) -> None:
    await renew(pool, ONE)
    await renew(pool, OTHER)
    assert await take(pool, ONE, 0, 1) == {0: 1, 1: 1}
    async with connection(pool) as borrowed:
        await partition_leases.give_back(borrowed, ONE, [1])
        await partition_leases.give_back(borrowed, OTHER, [0])
    assert await holders(pool) == {0: "one"}
    assert await take(pool, OTHER, 1) == {1: 2}
    assert await take(pool, ONE, 1) == {0: 1, 1: 3}


async def test_who_is_frozen_while_it_works_out_the_shares_holds_up_the_others_for_seconds_only(pool: Pool) -> None:
    waited_s: list[float] = []

    async def freeze_within() -> None:
        async with connection(pool) as frozen, partition_leases.sharing(frozen, OTHER):
            began_s = time.monotonic()
            async with connection(pool) as borrowed, partition_leases.sharing(borrowed, ONE):
                waited_s.append(time.monotonic() - began_s)
            await frozen.execute("SELECT 1")

    with pytest.raises(StoreError):
        await freeze_within()
    assert waited_s[0] < 2 * partition_leases.IDLE_MS / 1_000


async def test_who_leaves_holds_nothing_and_groups_do_not_know_each_other(pool: Pool) -> None:
    elsewhere = Member("another group", "topic", "one")
    for member in (ONE, elsewhere):
        await renew(pool, member)
        await take(pool, member, 0)
    async with connection(pool) as borrowed:
        await partition_leases.leave(borrowed, ONE)
        assert await partition_leases.members(borrowed, ONE) == []
        assert await partition_leases.holders(borrowed, elsewhere) == {0: "one"}


async def test_a_gap_is_kept_once_however_often_it_is_noticed(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        for end_offset in (5, 8):
            await partition_leases.note_gaps(borrowed, ONE, [Gap(0, 2, end_offset)])
        rows: list[Any] = await borrowed.fetch("SELECT begin_offset, end_offset FROM intake_gaps")
    assert [tuple(row) for row in rows] == [(2, 8)]
