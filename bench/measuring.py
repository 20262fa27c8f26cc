"""Arithmetic of a measurement: samples of growing counters in, rates and costs of a window out. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

Figures = Mapping[str, float]
"""What one run gave: names that end in their unit, such as `cpu_ms_per_event`."""

MS_PER_S = 1_000


class NoWindow(Exception):
    """A run gave no stretch of time that could be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters as read in one moment; all but the clock begin at an unknown value and only grow."""

    at_s: float
    completed: int
    program_cpu_s: float
    postgres_cpu_s: float
    machine_busy_s: float


@dataclass(frozen=True, slots=True)
class WindowRules:
    """When the measured stretch begins and how long it may be.

    It begins with the first sample after `warm_up` completions and ends `longest_s` later, in any case before
    `last` completions: beyond that the backlog runs dry and fewer calls are in flight than allowed. Calls that
    began together end together, so both ends are put where completions have just come in, whole rounds of
    `round_size` apart.
    """

    warm_up: int
    last: int
    longest_s: float
    round_size: int = 1

    def is_over(self, samples: Sequence[Sample]) -> bool:
        """Return whether no later sample can belong to the window."""
        begun = [sample for sample in samples if sample.completed >= self.warm_up]
        return bool(begun) and (
            samples[-1].completed >= self.last or samples[-1].at_s >= begun[0].at_s + self.longest_s
        )

    def window(self, samples: Sequence[Sample]) -> tuple[Sample, Sample]:
        """Return the first and last sample of the window.

        Raises:
            NoWindow: no sample, or less than a round between them.
        """
        within = [sample for sample in samples if self.warm_up <= sample.completed <= self.last]
        if not within:
            raise NoWindow(f"the completions never stood between {self.warm_up} and {self.last}")
        first = within[0]
        most = max(sample.completed for sample in within if sample.at_s <= first.at_s + self.longest_s)
        rounds = (most - first.completed) // self.round_size
        if not rounds:
            raise NoWindow(f"less than a round of {self.round_size} was completed after the first {first.completed}")
        enough = first.completed + rounds * self.round_size
        return first, next(sample for sample in within if sample.completed >= enough)


def rates(first: Sample, last: Sample, *, cores: int) -> dict[str, float]:
    """Return throughput and CPU between two samples, which must differ in time and completions.

    `machine_busy_percent` tells whether the cores were exhausted, by whomever.
    """
    events, elapsed_s = last.completed - first.completed, last.at_s - first.at_s
    program_s = last.program_cpu_s - first.program_cpu_s
    postgres_s = last.postgres_cpu_s - first.postgres_cpu_s
    busy_s = last.machine_busy_s - first.machine_busy_s
    return {
        "events_per_s": events / elapsed_s,
        "cpu_ms_per_event": program_s * MS_PER_S / events,
        "postgres_cpu_ms_per_event": postgres_s * MS_PER_S / events,
        "core_used_percent": 100 * program_s / elapsed_s,
        "machine_busy_percent": 100 * busy_s / elapsed_s / cores,
        "measured_events": float(events),
        "measured_s": elapsed_s,
    }


def medians(runs: Sequence[Figures]) -> dict[str, float]:
    """Return the median of each figure; runs of one contender have the same names."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all values do not exceed (nearest rank).

    Raises:
        NoWindow: there are no values.
    """
    if not values:
        raise NoWindow("there is nothing to take a percentile of")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def longest_gap(moments: Sequence[float]) -> float:
    """Return the longest time between two neighbouring moments.

    Raises:
        NoWindow: fewer than two moments.
    """
    ordered = sorted(moments)
    if len(ordered) < 2:  # noqa: PLR2004 - a gap has two ends
        raise NoWindow("a gap needs two completions")
    return max(later - earlier for earlier, later in pairwise(ordered))
