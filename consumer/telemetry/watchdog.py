"""The watchdog: each loop reports its rounds, and one that makes none for a minute is named."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

log = structlog.get_logger()

STUCK_AFTER_S = 60.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0

Beat: TypeAlias = Callable[[], None]
"""What a loop calls at the beginning of each round."""


class Watchdog:
    """Knows when each loop began its last round. Loops wait for work a few seconds at a time, so all go round."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_round_s: dict[str, float] = {}

    def watch(self, loop: str) -> Beat:
        """Watch a loop from now on; gives what it reports its rounds with."""

        def beat() -> None:
            self._last_round_s[loop] = self._clock()

        beat()
        return beat

    async def keep(self, loop: str, run: Callable[[Beat], Awaitable[None]]) -> None:
        """Watch a loop and begin it again after a defect of this program: it is to end neither itself nor others."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._clock()
            try:
                await run(self.watch(loop))
            except Exception:
                log.exception("loop.defect", loop=loop)
            else:
                return
            pause_s = FIRST_PAUSE_S if self._clock() - began_s > STUCK_AFTER_S else min(LONGEST_PAUSE_S, pause_s * 2)
            await asyncio.sleep(pause_s)

    def dismiss(self, *loops: str) -> None:
        """Expect no more rounds of these."""
        for loop in loops:
            self._last_round_s.pop(loop, None)

    def round_ages_s(self) -> dict[str, float]:
        """Return how long ago each loop began its last round."""
        now_s = self._clock()
        return {loop: now_s - at_s for loop, at_s in self._last_round_s.items()}

    def stuck(self) -> str | None:
        """Return which loops have made no round for a minute, and for how long; None when there is none."""
        now_s = self._clock()
        late = {loop: now_s - at_s for loop, at_s in self._last_round_s.items() if now_s - at_s > STUCK_AFTER_S}
        return ", ".join(f"{loop} has made no round for {late_s:.0f} s" for loop, late_s in late.items()) or None


def unwatched() -> None:
    """Report to nobody."""
