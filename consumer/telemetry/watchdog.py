"""The watchdog: each loop reports its rounds, and one without a round for a minute counts as stuck."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

log = structlog.get_logger()

STUCK_AFTER_S = 60.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
PROBATION_S = 20.0  # plus the longest pause, less than STUCK_AFTER_S: a loop that recovered is never stuck

Beat: TypeAlias = Callable[[], None]
"""Called by a loop at the start of each round."""


class Watchdog:
    """Records when each loop started its last round. Loops wait for work at most a few seconds per round."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_round_s: dict[str, float] = {}

    def watch(self, loop: str) -> Beat:
        """Watch a loop; returns the function by which it reports rounds."""

        def beat() -> None:
            self._last_round_s[loop] = self._clock()

        beat()
        return beat

    async def keep(self, loop: str, run: Callable[[Beat], Awaitable[None]]) -> None:
        """Watch a loop and restart it after a defect of this program, which is to end neither it nor others.

        Rounds of a restarted loop count once it has run for a while: one that fails over and over is stuck.
        """
        beat, pause_s, began_s, counts_from_s = self.watch(loop), FIRST_PAUSE_S, self._clock(), self._clock()

        def counted() -> None:
            if self._clock() >= counts_from_s:
                beat()

        while True:
            try:
                await run(counted)
            except Exception:
                log.exception("loop.defect", loop=loop)
            else:
                return
            pause_s = FIRST_PAUSE_S if self._clock() - began_s > STUCK_AFTER_S else min(LONGEST_PAUSE_S, pause_s * 2)
            await asyncio.sleep(pause_s)
            began_s = self._clock()
            counts_from_s = began_s + PROBATION_S

    def dismiss(self, *loops: str) -> None:
        """Stop watching these loops."""
        for loop in loops:
            self._last_round_s.pop(loop, None)

    def round_ages_s(self) -> dict[str, float]:
        """Return how long ago each loop started its last round."""
        now_s = self._clock()
        return {loop: now_s - at_s for loop, at_s in self._last_round_s.items()}

    def stuck(self) -> str | None:
        """Return the loops without a round for a minute, with the time; None if there are none."""
        now_s = self._clock()
        late = {loop: now_s - at_s for loop, at_s in self._last_round_s.items() if now_s - at_s > STUCK_AFTER_S}
        return ", ".join(f"{loop} has made no round for {late_s:.0f} s" for loop, late_s in late.items()) or None


def unwatched() -> None:
    """Do nothing."""
