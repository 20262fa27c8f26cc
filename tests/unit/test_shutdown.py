"""Ending in time, whatever is being ended does."""

import asyncio
import sys
from collections.abc import Awaitable
from contextlib import suppress

import pytest
from aiokafka.errors import KafkaError

from consumer.shutdown import EXIT_CUT_OFF, unless_stopped, until_ended, within_deadline
from repository.errors import StoreUnavailable


async def raising(error: BaseException) -> None:
    raise error


def end(ending: Awaitable[object], deadline_s: float = 5.0) -> Awaitable[bool]:
    return within_deadline(ending, deadline_s=deadline_s, or_else="not.ended")


@pytest.mark.parametrize(
    "error", [KafkaError(), OSError(), StoreUnavailable(), TimeoutError(), asyncio.CancelledError()], ids=repr
)
async def test_what_fails_to_end_does_not_hold_up_the_rest(error: BaseException) -> None:
    await end(raising(error))


async def test_what_never_ends_is_left_after_the_deadline() -> None:
    await end(asyncio.Event().wait(), deadline_s=0.01)


async def test_what_waits_again_when_it_is_cancelled_is_left_soon_after_the_deadline() -> None:
    """As one whose connection goes back to the pool only when the server has confirmed the cancellation."""

    async def waits_again() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await end(waits_again(), deadline_s=0.01)


async def test_a_cancellation_from_outside_is_obeyed() -> None:
    ending = asyncio.create_task(asyncio.wait_for(end(asyncio.Event().wait()), 10))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending


async def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await end(raising(ZeroDivisionError()))


async def test_what_has_begun_before_the_stop_is_given() -> None:
    assert await unless_stopped(asyncio.Event(), asyncio.sleep(0, "begun")) == "begun"


async def test_a_stop_breaks_off_a_beginning_that_never_comes() -> None:
    stop, broken_off = asyncio.Event(), asyncio.Event()

    async def beginning() -> str:
        try:
            await asyncio.Event().wait()
            return "begun"
        finally:
            broken_off.set()

    waiting = asyncio.create_task(unless_stopped(stop, beginning()))
    stop.set()
    assert await waiting is None
    assert broken_off.is_set()


async def test_a_beginning_that_fails_says_why() -> None:
    with pytest.raises(StoreUnavailable):
        await unless_stopped(asyncio.Event(), raising(StoreUnavailable()))


async def test_a_task_that_takes_a_cancellation_for_its_timeout_is_cancelled_again() -> None:
    async def deaf(times: int) -> None:
        for _ in range(times):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(deaf(times)) for times in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await until_ended(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_process_whose_stop_is_held_up_even_outside_the_event_loop_is_ended() -> None:
    held_up = "import time; from consumer.shutdown import exit_at_latest; exit_at_latest(0.1); time.sleep(60)"
    async with asyncio.timeout(20):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", held_up, stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
    assert process.returncode == EXIT_CUT_OFF
    assert b"stop.cut_off" in told
