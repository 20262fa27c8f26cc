"""Slots: counted, handed out in order, and never lost. Waiting tasks run in the test's own event loop."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.in_flight import ClaimTerms, InFlight
from repository.errors import StoreUnavailable
from tests.support.examples import claimed_request

TERMS = ClaimTerms(owner="process-1", lease_s=90.0, max_event_bytes=262_144, group_id="group-1")


async def settled() -> None:
    """Let every task that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_slots_reserved_are_no_longer_free() -> None:
    in_flight = InFlight(3)
    assert await in_flight.reserve(at_least=1, at_most=2) == 2
    assert in_flight.free == 1


async def test_no_more_slots_are_handed_out_than_there_are() -> None:
    in_flight = InFlight(3)
    assert await in_flight.reserve(at_least=1, at_most=100) == 3
    assert in_flight.free == 0


async def test_a_caller_waits_until_there_are_slots_enough() -> None:
    in_flight = InFlight(3)
    await in_flight.reserve(at_least=2, at_most=2)
    waiting = asyncio.create_task(in_flight.reserve(at_least=2, at_most=2))
    await settled()
    assert not waiting.done()
    in_flight.release(1)
    assert await waiting == 2
    assert in_flight.free == 0


async def test_who_wants_many_slots_is_not_overtaken_by_those_who_want_few() -> None:
    in_flight = InFlight(4)
    await in_flight.reserve(at_least=5, at_most=5)
    served: list[str] = []

    async def take(name: str, count: int) -> None:
        await in_flight.reserve(at_least=count, at_most=count)
        served.append(name)

    many = asyncio.create_task(take("many", 3))
    await settled()
    few = [asyncio.create_task(take("few", 1)) for _ in range(2)]
    for _ in range(3):
        in_flight.release(1)
        await settled()
    assert served == ["many"]
    in_flight.release(1)
    await settled()
    in_flight.release(1)
    await asyncio.gather(many, *few)


async def test_a_caller_who_gives_up_takes_no_slot_and_holds_up_nobody() -> None:
    in_flight = InFlight(2)
    await in_flight.reserve(at_least=2, at_most=2)
    impatient = asyncio.create_task(in_flight.reserve(at_least=2, at_most=2))
    await settled()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    in_flight.release(1)
    assert await in_flight.reserve(at_least=1, at_most=1) == 1
    assert in_flight.free == 0


async def test_a_finished_request_frees_its_slot_and_is_no_longer_held() -> None:
    in_flight = InFlight(2)
    one, other = claimed_request(), claimed_request()
    await in_flight.reserve(at_least=2, at_most=2)
    in_flight.hold([one, other], leased_at_s=time.monotonic())
    in_flight.finish([one])
    assert in_flight.held == [other]
    assert in_flight.free == 1


async def test_a_quarter_more_than_the_calls_may_wait() -> None:
    in_flight = InFlight(40)
    assert await in_flight.reserve(at_least=1, at_most=100) == 50


async def test_an_extended_lease_counts_from_its_extension_unless_it_was_lost_or_its_request_finished() -> None:
    in_flight = InFlight(3)
    extended, lost, finished = claimed_request(), claimed_request(), claimed_request()
    await in_flight.reserve(at_least=3, at_most=3)
    in_flight.hold([extended, lost, finished], leased_at_s=10.0)
    in_flight.finish([finished])
    in_flight.extended([extended, finished], leased_at_s=20.0)
    assert [in_flight.leased_at_s(request) for request in in_flight.held] == [20.0, 10.0]


async def test_revisions_of_one_overlay_have_a_slot_each() -> None:
    in_flight = InFlight(2)
    first = claimed_request()
    second = claimed_request(overlay_id=first.overlay_id, revision=2)
    await in_flight.reserve(at_least=2, at_most=2)
    in_flight.hold([first, second], leased_at_s=time.monotonic())
    in_flight.finish([first])
    assert in_flight.held == [second]


async def test_a_request_claimed_again_by_its_own_holder_ends_twice() -> None:
    """After a pause longer than the lease a process may take over from itself; both calls run on."""
    in_flight = InFlight(2)
    before = claimed_request(fencing_token=1)
    again = claimed_request(overlay_id=before.overlay_id, fencing_token=2)
    await in_flight.reserve(at_least=2, at_most=2)
    in_flight.hold([before], leased_at_s=time.monotonic())
    in_flight.hold([again], leased_at_s=time.monotonic())
    in_flight.finish([before])
    assert in_flight.held == [again]
    in_flight.finish([again])
    assert (in_flight.held, in_flight.free) == ([], 2)


async def test_all_is_empty_when_the_last_slot_is_given_back() -> None:
    in_flight = InFlight(2)
    await in_flight.reserve(at_least=2, at_most=2)
    empty = asyncio.create_task(in_flight.until_empty())
    in_flight.release(1)
    await settled()
    assert not empty.done()
    in_flight.release(1)
    await empty


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), max_size=15))
def test_any_order_of_reserving_and_releasing_keeps_the_count(limit: int, wishes: list[tuple[int, int]]) -> None:
    """Callers come at once; each gives back what it got as soon as it has it."""

    async def run() -> None:
        in_flight = InFlight(limit)

        async def come_and_go(at_least: int, more: int) -> None:
            wanted = min(at_least, in_flight.slots)
            taken = await in_flight.reserve(at_least=wanted, at_most=wanted + more)
            assert wanted <= taken <= wanted + more
            assert 0 <= in_flight.free <= in_flight.slots - taken
            await asyncio.sleep(0)
            in_flight.release(taken)

        await asyncio.gather(*(come_and_go(at_least, more) for at_least, more in wishes))
        assert in_flight.free == in_flight.slots

    asyncio.run(run())


def test_a_claim_answered_in_time_is_begun() -> None:
    claimed = [claimed_request()]
    assert TERMS.require_fresh(claimed, asked_at_s=time.monotonic()) == claimed


def test_a_claim_answered_when_its_lease_may_run_out_unseen_is_not_begun() -> None:
    with pytest.raises(StoreUnavailable, match="too late"):
        TERMS.require_fresh([claimed_request()], asked_at_s=time.monotonic() - TERMS.lease_s / 2)


def test_a_lease_is_ours_for_sure_during_two_thirds_of_its_length() -> None:
    assert TERMS.lasts(time.monotonic() - TERMS.lease_s * 0.6)
    assert not TERMS.lasts(time.monotonic() - TERMS.lease_s * 0.7)
