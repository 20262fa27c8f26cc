"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run; `jumps` counts how often it moved on."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.jumps = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """The virtual seconds since the loop was made."""
        return self.now_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if timeout > 0:
            self._loop.now_s += timeout
            self._loop.jumps += 1
        return super().select(0)


def in_virtual_time(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run an async test on a loop of its own, in virtual time."""

    @wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test())

    return run
