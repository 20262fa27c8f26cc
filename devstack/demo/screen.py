"""What the demo shows while it runs: steps with their time, and how far the consumer is."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

WIDTH = 100


class Screen:
    """A console, at most 100 columns wide, that tells steps."""

    def __init__(self) -> None:
        narrow = Console().width if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH
        self.console = Console(width=min(WIDTH, narrow), highlight=False, markup=False)

    def opening(self) -> None:
        """Say at once what is going to happen."""
        self.console.print()
        title = Text.assemble(
            ("From overlay.completed to stored Instagram posts", "bold"), ", on a local stack of its own"
        )
        self.console.print(title)
        self.console.print()

    @contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """A step under way; when it has succeeded, a line with its result and time."""
        step, began = Step(self.console, title), monotonic()
        with self.console.status(title) as status:
            step.show = status.update
            yield step
        self._done(title, monotonic() - began, step.result)

    @contextmanager
    def bars(self, title: str, records: int, posts: int) -> Iterator[Callable[[int, int, int], None]]:
        """Bars for records taken in, posts stored and events published; yields how to set them."""
        began = monotonic()
        columns = (TextColumn("          {task.description:<17}"), BarColumn(bar_width=50), MofNCompleteColumn())
        with Bars(*columns, console=self.console) as bars:
            rows = [
                bars.add_task("events taken in", total=records),
                bars.add_task("posts stored", total=posts),
                bars.add_task("events published", total=posts),
            ]

            def update(*values: int) -> None:
                for row, value in zip(rows, values, strict=True):
                    bars.update(row, completed=value)

            yield update
        self._done(title, monotonic() - began, "")

    def _done(self, title: str, seconds: float, result: str) -> None:
        line = Text.assemble(("✓ ", "green"), (f"{seconds:4.1f} s  ", "cyan"), (f"{title:<31}", "bold"))
        self.console.print(line + Text(f"  {result}", "dim"))


class Step:
    """One step: `show` what it is at, set the `result` for its last line."""

    def __init__(self, console: Console, title: str) -> None:
        self.result = ""
        self.show: Callable[[Text], None] = console.print
        self._title = title
        self._console = console

    def report(self, line: str) -> None:
        """Tell something that takes long: in a terminal in place of the last, elsewhere on a line of its own."""
        if self._console.is_terminal:
            self.show(Text(f"{self._title}: {line}"))
        else:
            self._console.print(f"  {line}")
