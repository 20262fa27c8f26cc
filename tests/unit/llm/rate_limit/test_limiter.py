"""Waiting in turn for the rate limit, in virtual time."""

import asyncio
from collections.abc import Mapping

import pytest

from consumer.llm.rate_limit.limiter import RateLimiter, WaitTooLong
from consumer.llm.rate_limit.limits import Reservation
from tests.support.virtual_time import VirtualTimeLoop, in_virtual_time

TEN_PER_SECOND = {"x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "420"}
BURST = 11
NO_TOKENS = 0


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def limiter(headers: Mapping[str, str] = TEN_PER_SECOND, *, patience_s: float = 5.0) -> RateLimiter:
    """A limiter that has read these headers, and has nothing saved up."""
    subject = RateLimiter(patience_s=patience_s, clock=asyncio.get_running_loop().time)
    subject.learn(await subject.reserve(NO_TOKENS), headers)
    for _ in range(BURST):
        await subject.reserve(NO_TOKENS)
    return subject


async def admitted_at(subject: RateLimiter, tokens: int = NO_TOKENS) -> float:
    await subject.reserve(tokens)
    return now_s()


@in_virtual_time
async def test_without_a_known_limit_nobody_waits() -> None:
    subject = RateLimiter(clock=asyncio.get_running_loop().time)

    for _ in range(1_000):
        await subject.reserve(10_000)

    assert now_s() == 0
    assert subject.room(200, 10_000) == 200


@in_virtual_time
async def test_requests_go_in_the_order_they_came_at_the_pace_of_the_limit() -> None:
    subject = await limiter()
    order: list[int] = []

    async def request(number: int) -> float:
        await subject.reserve(NO_TOKENS)
        order.append(number)
        return now_s()

    times_s = await asyncio.gather(*(request(number) for number in range(40)))

    assert order == list(range(40))
    assert times_s == pytest.approx([0.1 * (number + 1) for number in range(40)], rel=0.05)


@in_virtual_time
async def test_a_large_request_is_not_overtaken_by_small_ones() -> None:
    subject = await limiter({"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "4200"})
    await subject.reserve(101)

    large = asyncio.create_task(admitted_at(subject, 90))
    small = asyncio.create_task(admitted_at(subject, 1))

    assert await large <= await small
    assert large.result() == pytest.approx(0.9, rel=0.05)


@in_virtual_time
async def test_one_timer_serves_all_who_wait() -> None:
    subject = await limiter()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)

    await asyncio.gather(*(subject.reserve(NO_TOKENS) for _ in range(45)))

    assert loop.jumps <= 45 + 1


@in_virtual_time
async def test_who_would_wait_too_long_is_told_at_once_when_to_come_back() -> None:
    subject = await limiter(patience_s=2.0)

    results = await asyncio.gather(*(admitted_at(subject) for _ in range(60)), return_exceptions=True)

    sent_away = [result for result in results if isinstance(result, WaitTooLong)]
    assert now_s() <= 2.0
    assert len(sent_away) == pytest.approx(40, abs=2)
    returns_s = [error.retry_in_s for error in sent_away]
    assert returns_s == sorted(set(returns_s)), "each later than the one before"
    assert returns_s[0] == pytest.approx(2.1, abs=0.2)
    assert returns_s[-1] == pytest.approx(6.0, abs=0.4)


@in_virtual_time
async def test_those_who_wait_are_sent_away_when_a_429_makes_it_too_long() -> None:
    subject = await limiter(patience_s=2.0)
    waiting = [asyncio.create_task(subject.reserve(NO_TOKENS)) for _ in range(15)]
    await asyncio.sleep(0.35)

    subject.slow_down(waiting[0].result(), 20.0)
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert sum(isinstance(result, Reservation) for result in results) == 3
    assert all(error.retry_in_s > 19.0 for error in results if isinstance(error, WaitTooLong))
    assert now_s() < 1.0
    assert subject.waiting == 0


@in_virtual_time
async def test_a_short_pause_is_waited_for() -> None:
    subject = await limiter()

    retry_in_s = subject.slow_down(await subject.reserve(NO_TOKENS), 1.5)
    asked_s = now_s()

    assert retry_in_s == 1.5
    assert await admitted_at(subject) == pytest.approx(asked_s + 1.5, abs=0.01)


@in_virtual_time
async def test_who_gives_up_holds_nobody_up_and_uses_nothing() -> None:
    subject = await limiter()
    waiting = [asyncio.create_task(admitted_at(subject)) for _ in range(20)]
    await asyncio.sleep(0)

    for task in waiting[:10]:
        task.cancel()
    rest_s = await asyncio.gather(*waiting[10:])

    assert rest_s == pytest.approx([0.1 * (number + 1) for number in range(10)], abs=0.05)
    assert subject.waiting == 0


@in_virtual_time
async def test_who_gives_up_in_the_moment_of_their_turn_gives_it_to_the_next() -> None:
    subject = await limiter()
    loop = asyncio.get_running_loop()
    unlucky = asyncio.create_task(subject.reserve(NO_TOKENS))
    await asyncio.sleep(0)
    # asyncio runs timers this close in one go: the turn comes first, and its task is cancelled before it can run
    loop.call_at(now_s() + 0.1 + 5e-10, unlucky.cancel)

    with pytest.raises(asyncio.CancelledError):
        await unlucky

    assert await admitted_at(subject) == pytest.approx(0.1, abs=1e-6)


@in_virtual_time
async def test_a_raised_limit_is_felt_by_those_who_wait() -> None:
    subject = await limiter({"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "4200"})
    first = await subject.reserve(500)
    waiting = asyncio.create_task(admitted_at(subject, 10))
    await asyncio.sleep(0.1)

    subject.learn(first, {"x-ratelimit-limit-tokens": "600000", "x-ratelimit-remaining-tokens": "600000"})

    assert await waiting < 0.5


@in_virtual_time
async def test_headers_are_read_a_few_times_a_second_and_no_more() -> None:
    subject = RateLimiter(clock=asyncio.get_running_loop().time)
    exhausted = {**TEN_PER_SECOND, "x-ratelimit-remaining-requests": "0"}
    subject.learn(await subject.reserve(NO_TOKENS), TEN_PER_SECOND)

    subject.learn(await subject.reserve(NO_TOKENS), exhausted)
    assert subject.room(40, NO_TOKENS) == 40

    await asyncio.sleep(0.06)
    subject.learn(await subject.reserve(NO_TOKENS), exhausted)
    assert subject.room(40, NO_TOKENS) < 20


@in_virtual_time
async def test_settling_for_less_lets_the_next_go() -> None:
    subject = await limiter({"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "4200"})
    reservation = await subject.reserve(400)
    waiting = asyncio.create_task(admitted_at(subject, 50))
    await asyncio.sleep(0)

    subject.settle(reservation, 40)

    assert await waiting <= 0.26


@in_virtual_time
async def test_who_cancels_a_reservation_makes_room_for_another_request() -> None:
    subject = await limiter()

    subject.cancel(await subject.reserve(NO_TOKENS))
    again_s = now_s()

    assert await admitted_at(subject) == again_s


@in_virtual_time
async def test_what_is_given_back_goes_to_those_who_wait_before_newcomers() -> None:
    subject = await limiter({"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "4200"})
    reservation = await subject.reserve(400)
    order: list[str] = []

    async def request(name: str) -> None:
        await subject.reserve(1)
        order.append(name)

    waiting = asyncio.create_task(request("waiting"))
    await asyncio.sleep(0)
    subject.settle(reservation, 0)
    await asyncio.gather(request("newcomer"), waiting)

    assert order == ["waiting", "newcomer"]


@in_virtual_time
async def test_as_many_as_allowed_are_admitted_within_the_patience() -> None:
    subject = await limiter(patience_s=2.0)
    await asyncio.gather(*(subject.reserve(NO_TOKENS) for _ in range(5)))

    allowed = subject.room(1_000, NO_TOKENS)
    await asyncio.gather(*(subject.reserve(NO_TOKENS) for _ in range(allowed)))

    assert allowed == 20


@in_virtual_time
async def test_nothing_is_allowed_during_a_long_pause() -> None:
    subject = await limiter()

    subject.slow_down(await subject.reserve(NO_TOKENS), 60.0)

    assert subject.room(10, NO_TOKENS) == 0
    with pytest.raises(WaitTooLong, match="retry in 60"):
        await subject.reserve(NO_TOKENS)


@in_virtual_time
async def test_with_more_demand_than_the_limit_all_of_it_is_used() -> None:
    subject, admitted = await limiter(), 0

    async def demand() -> None:
        nonlocal admitted
        while now_s() < 60:
            await subject.reserve(NO_TOKENS)
            admitted += 1

    await asyncio.gather(*(demand() for _ in range(20)))

    assert 0.95 * 600 <= admitted <= 1.1 * 600 + BURST
