import asyncio
from collections.abc import Sequence

from consumer.pipeline.tenants.backlog import Backlog
from repository.available_requests import Census


def census(live: Sequence[str] = (), *, background: Sequence[str] = (), waiting: int = 0) -> Census:
    return Census(live, background, waiting, any_lost=False)


def test_what_is_read_ahead_takes_room_until_it_is_taken() -> None:
    backlog = Backlog(10)
    backlog.enter(["a", "a", "b"])
    assert (backlog.room, set(backlog.tenants())) == (7, {"a", "b"})

    backlog.take({"a": 1}, ["a"], background=False, since=backlog.noted)
    assert (backlog.room, set(backlog.tenants())) == (8, {"a", "b"})


def test_of_whom_less_comes_than_was_asked_for_nothing_waits_any_more() -> None:
    backlog = Backlog(10)
    backlog.enter(["a", "b"])
    backlog.take({"a": 5, "b": 1}, ["a", "b"], background=False, since=backlog.noted)
    assert list(backlog.tenants()) == ["b"]


def test_what_is_entered_while_a_claim_runs_still_waits() -> None:
    backlog = Backlog(10)
    backlog.enter(["a"])
    since = backlog.noted
    backlog.enter(["a"])
    backlog.take({"a": 5}, ["a"], background=False, since=since)
    assert list(backlog.tenants()) == ["a"]


def test_a_census_sets_right_who_waits_and_how_much() -> None:
    backlog = Backlog(10)
    backlog.enter(["a"] * 8)
    backlog.correct(census(["b"], background=["c"], waiting=2), since=backlog.noted)
    assert (list(backlog.tenants()), list(backlog.tenants(background=True)), backlog.ahead) == (["b"], ["c"], 2)


def test_a_census_knows_nothing_of_what_was_entered_meanwhile() -> None:
    backlog = Backlog(10)
    since = backlog.noted
    backlog.enter(["a"])
    backlog.correct(census(), since=since)
    assert (list(backlog.tenants()), backlog.ahead) == (["a"], 1)


async def test_an_end_wakes_only_when_something_waits() -> None:
    backlog = Backlog(10)
    backlog.correct(census(background=["b"]), since=backlog.noted)
    waiting = asyncio.create_task(backlog.until_changed())
    await asyncio.sleep(0)
    backlog.wake_if_any()
    async with asyncio.timeout(5):
        await waiting
