"""The ledger on a real Postgres: who may work on what, and what a lost lease still allows."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from repository.available_requests import claim_available
from repository.leases import extend_leases, release
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest, NewRequest, Postponement, postpone
from repository.spending import Spending
from schemas.record import SourceRecord
from tests.support.examples import new_request, postponement, source_record
from tests.support.ledger import EXPIRED_S, LEASE_S, TAKE_OVER_LEASE_S, claim, ledger_row, reclaim, states

SPENT = Spending(1_500, 1_024, 300, Decimal("0.00032820"))


async def put_off(pool: Pool, later: Postponement) -> None:
    async with connection(pool) as borrowed:
        await postpone(borrowed, [later])


async def seconds_left(pool: Pool, request: ClaimedRequest) -> float:
    """How long until any process may take the request."""
    available_at = (await ledger_row(pool, request.overlay_id))["available_at"]
    left: timedelta = available_at - datetime.now(UTC)
    return left.total_seconds()


async def test_of_fifty_claims_of_one_overlay_one_wins(pool: Pool) -> None:
    overlay_id = uuid4()
    claims = await asyncio.gather(
        *(claim(pool, [new_request(overlay_id)], owner=f"process-{number}") for number in range(50))
    )
    [winner] = [claimed for claim in claims for claimed in claim]
    assert (winner.overlay_id, winner.fencing_token, winner.reclaimed) == (overlay_id, 1, False)


async def test_only_what_is_new_is_claimed_in_the_order_given(pool: Pool) -> None:
    requests = [new_request() for _ in range(6)]
    await claim(pool, requests[1::2])
    claimed = await claim(pool, requests)
    assert [request.overlay_id for request in claimed] == [request.overlay_id for request in requests[::2]]
    assert await claim(pool, requests) == []


async def test_a_second_revision_of_an_overlay_is_another_request(pool: Pool) -> None:
    request = new_request()
    await claim(pool, [request])
    assert len(await claim(pool, [replace(request, revision=2)])) == 1


async def test_polls_with_the_same_overlays_in_any_order_do_not_deadlock(pool: Pool) -> None:
    requests = [new_request() for _ in range(300)]
    claims = await asyncio.gather(
        claim(pool, requests), claim(pool, requests[::-1]), claim(pool, requests[150:] + requests[:150])
    )
    assert sorted(request.overlay_id for claimed in claims for request in claimed) == sorted(
        request.overlay_id for request in requests
    )


@pytest.mark.parametrize(
    "source",
    [
        source_record(key=None, headers=()),
        source_record(key=b"", headers=(("a", b"\x00\xff"), ("a", None), ("", b""), ("한글", "값".encode()))),
        source_record(b"\x00" * 1_000, partition=0, offset=2**53, timestamp_ms=0),
    ],
)
async def test_the_record_waits_in_the_ledger_byte_for_byte(pool: Pool, source: SourceRecord) -> None:
    request = replace(new_request(), source=source)
    await claim(pool, [request], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    assert taken.source == source
    assert (taken.tenant_id, taken.job_id, taken.event_id) == (request.tenant_id, request.job_id, request.event_id)


async def test_a_lease_that_has_not_run_out_is_respected(pool: Pool) -> None:
    await claim(pool, [new_request()])
    assert await reclaim(pool) == []


async def test_a_lease_that_ran_out_goes_to_one_process_with_a_larger_token(pool: Pool) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    sweeps = await asyncio.gather(*(reclaim(pool, owner=f"process-{number}") for number in range(20)))
    [taken] = [request for sweep in sweeps for request in sweep]
    assert taken.fencing_token == lost.fencing_token + 1
    assert taken.reclaimed


async def test_after_a_restart_of_the_database_nobody_is_taken_over_before_the_holders_could_extend(pool: Pool) -> None:
    """Any server has been up for less than this lease: to it the present start is a restart."""
    longer_than_uptime_s = 10 * 365 * 86_400.0
    [held, postponed] = await claim(pool, [new_request(), new_request()], lease_s=EXPIRED_S)
    await put_off(pool, postponement(postponed))
    async with connection(pool) as borrowed:
        taken = await claim_available(borrowed, owner="process-2", lease_s=longer_than_uptime_s, limit=10)
    assert [request.overlay_id for request in taken] == [postponed.overlay_id]
    assert (await ledger_row(pool, held.overlay_id))["fencing_token"] == held.fencing_token


async def test_a_take_over_counts_the_call_that_the_lost_process_may_have_begun(pool: Pool) -> None:
    await claim(pool, [new_request()], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    assert (taken.llm_calls, taken.unrecorded_call, taken.attempts) == (1, True, 0)


async def test_several_sweeps_at_once_share_what_is_available(pool: Pool) -> None:
    requests = [new_request() for _ in range(100)]
    await claim(pool, requests, lease_s=EXPIRED_S)
    sweeps = await asyncio.gather(*(reclaim(pool, owner=f"process-{number}", limit=40) for number in range(4)))
    assert sorted(request.overlay_id for sweep in sweeps for request in sweep) == sorted(
        request.overlay_id for request in requests
    )
    assert max(map(len, sweeps)) <= 40


async def test_what_has_been_available_longest_is_taken_first(pool: Pool) -> None:
    requests = [new_request() for _ in range(3)]
    for expired_for_s, request in zip((10, 30, 20), requests, strict=True):
        await claim(pool, [request], lease_s=-expired_for_s)
    [first], [second] = await reclaim(pool, limit=1), await reclaim(pool, limit=1)
    assert [first.overlay_id, second.overlay_id] == [requests[1].overlay_id, requests[2].overlay_id]


async def test_who_lost_the_lease_cannot_postpone_the_request(pool: Pool) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    before = await ledger_row(pool, lost.overlay_id)
    await put_off(pool, postponement(lost))
    assert await ledger_row(pool, lost.overlay_id) == before
    await put_off(pool, postponement(taken))
    assert (await ledger_row(pool, lost.overlay_id))["state"] == "waiting"


async def test_a_postponed_request_waits_until_it_is_due(pool: Pool) -> None:
    [claimed] = await claim(pool, [new_request()])
    await put_off(pool, postponement(claimed, delay_s=30))
    assert await reclaim(pool) == []
    assert 20 < await seconds_left(pool, claimed) <= 30


async def test_a_postponed_request_comes_back_with_all_that_was_used_up(pool: Pool) -> None:
    [claimed] = await claim(pool, [new_request()])
    await put_off(pool, postponement(claimed))
    row = await ledger_row(pool, claimed.overlay_id)
    assert (row["last_error_reason"], row["last_error_detail"]) == ("llm_unavailable", "HTTP 500")
    [taken] = await reclaim(pool)
    assert (taken.attempts, taken.llm_calls, taken.spent) == (2, 3, SPENT)
    assert (taken.reclaimed, taken.unrecorded_call) == (False, False)
    assert taken.fencing_token == claimed.fencing_token + 1


async def test_a_call_nobody_recorded_is_remembered(pool: Pool) -> None:
    [claimed] = await claim(pool, [new_request()])
    await put_off(pool, replace(postponement(claimed), unrecorded_call=True))
    [taken] = await reclaim(pool)
    assert taken.unrecorded_call


async def test_leases_are_extended_by_their_holder_only(pool: Pool) -> None:
    [lost] = await claim(pool, [new_request()], lease_s=EXPIRED_S - 1)
    [kept] = await claim(pool, [new_request()], lease_s=EXPIRED_S)
    await reclaim(pool, limit=1)
    async with connection(pool) as borrowed:
        await extend_leases(borrowed, [lost, kept], lease_s=LEASE_S)
    assert await seconds_left(pool, lost) <= TAKE_OVER_LEASE_S
    assert LEASE_S - 5 < await seconds_left(pool, kept) <= LEASE_S


async def test_extending_leases_does_not_wait_for_a_request_that_is_being_ended(pool: Pool) -> None:
    ending, kept = await claim(pool, [new_request(), new_request()], lease_s=EXPIRED_S)
    async with connection(pool) as outcome_store, outcome_store.transaction():
        await outcome_store.execute("SELECT FROM feed_requests WHERE overlay_id = $1 FOR UPDATE", ending.overlay_id)

        async with connection(pool) as keeper, asyncio.timeout(5):
            await extend_leases(keeper, [ending, kept], lease_s=LEASE_S)

    assert await seconds_left(pool, kept) > LEASE_S - 5
    assert await seconds_left(pool, ending) < 0


async def test_only_a_claimed_request_s_lease_is_extended(pool: Pool) -> None:
    [claimed] = await claim(pool, [new_request()])
    await put_off(pool, postponement(claimed))
    async with connection(pool) as borrowed:
        await extend_leases(borrowed, [claimed], lease_s=LEASE_S)
    assert await seconds_left(pool, claimed) <= 0


async def test_an_owner_gives_back_all_of_its_own_and_nothing_else(pool: Pool) -> None:
    mine = [new_request() for _ in range(3)]
    other = new_request()
    claimed = await claim(pool, mine, owner="process-1")
    await put_off(pool, postponement(claimed[0], delay_s=60))
    await claim(pool, [other], owner="process-10")
    async with connection(pool) as borrowed:
        await release(borrowed, owner="process-1")
    taken = await reclaim(pool)
    assert {request.overlay_id for request in taken} == {request.overlay_id for request in mine[1:]}
    assert all(request.unrecorded_call and not request.reclaimed for request in taken)
    assert (await states(pool))[other.overlay_id] == "claimed"


async def test_texts_of_the_greatest_length_fit(pool: Pool) -> None:
    request: NewRequest = replace(new_request(), tenant_id="가" * 255, event_id="e" * 10_000)
    await claim(pool, [request], lease_s=EXPIRED_S)
    [taken] = await reclaim(pool)
    assert (taken.tenant_id, taken.event_id) == (request.tenant_id, request.event_id)
