"""What a scenario is: contenders that take turns, and what their medians should show."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Figures
from bench.program import Program
from bench.servers import Servers
from devstack.report import Report

Trial = Callable[[], Awaitable[Figures]]
Medians = Mapping[str, Figures]
"""The medians of each contender."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What scenarios work with.

    `template` is a migrated database to copy, `folder` takes the output of programs, `stored_feeds` is how many
    posts a full database holds.
    """

    servers: Servers
    template: str
    folder: Path
    programs: Sequence[Program]
    window_s: float
    stored_feeds: int
    report: Report

    def output_of(self, contender: str) -> Path:
        """Return where a program's output goes."""
        return self.folder / f"{contender.replace(' ', '-')}.log"


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound on something computed from the medians. Figures of contenders that did not run are no verdict."""

    what: str
    value: Callable[[Medians], float]
    at_most: float | None = None
    at_least: float | None = None

    def verdict(self, medians: Medians) -> "Verdict | None":
        """Return what was measured against the bound; None when a contender is missing."""
        try:
            value = self.value(medians)
        except KeyError:
            return None
        is_met = (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)
        return Verdict(self.what, value, self.at_most, self.at_least, is_met)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An aim as measured."""

    what: str
    value: float
    at_most: float | None
    at_least: float | None
    is_met: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question and who answers it. `contenders` prepares what they share and clears it away afterwards."""

    name: str
    question: str
    contenders: Callable[[Workshop], AbstractAsyncContextManager[Mapping[str, Trial]]]
    aims: tuple[Aim, ...] = ()
