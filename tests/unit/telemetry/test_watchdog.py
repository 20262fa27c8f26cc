"""The watchdog: a loop that meets a defect of this program is told of and begun again, and ends no other."""

import asyncio
from functools import partial

from structlog.testing import capture_logs

from consumer.telemetry.watchdog import Beat, Watchdog
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_loop_that_meets_a_defect_is_begun_again_and_named() -> None:
    begun = 0

    async def loop(beat: Beat) -> None:
        nonlocal begun
        begun += 1
        beat()
        if begun < 4:
            raise LookupError("a row that nobody expected")

    with capture_logs() as lines:
        await Watchdog().keep("sweeper", loop)
    assert begun == 4
    assert [(line["event"], line["loop"]) for line in lines] == [("loop.defect", "sweeper")] * 3


def a_watchdog() -> Watchdog:
    return Watchdog(clock=asyncio.get_running_loop().time)


async def rounds(beat: Beat, *, fails_after: int | None = None) -> None:
    number = 0
    while number != fails_after:
        beat()
        await asyncio.sleep(1)
        number += 1
    raise LookupError("a row that nobody expected")


@in_virtual_time
async def test_a_loop_that_fails_again_and_again_counts_as_stuck_after_a_minute() -> None:
    for fails_after in (0, 1, 10):
        watchdog = a_watchdog()
        failing = partial(rounds, fails_after=fails_after)
        kept = asyncio.create_task(watchdog.keep("sweeper", failing))
        await asyncio.sleep(55)
        assert watchdog.stuck() is None
        await asyncio.sleep(25)
        assert "sweeper has made no round for" in (watchdog.stuck() or "")
        kept.cancel()


@in_virtual_time
async def test_a_loop_that_recovers_never_counts_as_stuck() -> None:
    watchdog, begun = a_watchdog(), 0

    async def loop(beat: Beat) -> None:
        nonlocal begun
        begun += 1
        await rounds(beat, fails_after=None if begun > 3 else 1)

    kept = asyncio.create_task(watchdog.keep("sweeper", loop))
    for _ in range(300):
        await asyncio.sleep(1)
        assert watchdog.stuck() is None
    assert begun == 4
    kept.cancel()
