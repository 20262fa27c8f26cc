"""Ending in time, whatever is being ended does."""

import asyncio
from collections.abc import Awaitable

import pytest
from aiokafka.errors import KafkaError

from consumer.shutdown import within_deadline
from repository.errors import StoreUnavailable


async def raising(error: BaseException) -> None:
    raise error


def end(ending: Awaitable[object], deadline_s: float = 5.0) -> Awaitable[None]:
    return within_deadline(ending, deadline_s=deadline_s, or_else="not.ended")


@pytest.mark.parametrize(
    "error", [KafkaError(), OSError(), StoreUnavailable(), TimeoutError(), asyncio.CancelledError()], ids=repr
)
async def test_what_fails_to_end_does_not_hold_up_the_rest(error: BaseException) -> None:
    await end(raising(error))


async def test_what_never_ends_is_left_after_the_deadline() -> None:
    await end(asyncio.Event().wait(), deadline_s=0.01)


async def test_a_cancellation_from_outside_is_obeyed() -> None:
    ending = asyncio.create_task(asyncio.wait_for(end(asyncio.Event().wait()), 10))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending


async def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await end(raising(ZeroDivisionError()))
