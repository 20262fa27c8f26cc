"""The watchdog: a loop that meets a defect of this program is told of and begun again, and ends no other."""

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
