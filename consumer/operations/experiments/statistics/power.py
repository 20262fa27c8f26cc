"""The number of units needed to find a difference, for one look and for any number."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from consumer.operations.experiments.statistics.distributions import ALPHA, normal_quantile
from consumer.operations.experiments.statistics.interval import always_valid_multiple
from consumer.operations.experiments.statistics.sample import Sample

POWER = 0.8
"""The power: how often a difference of the given size is found."""
MOST_UNITS = 10**12


@dataclass(frozen=True, slots=True)
class UnitsNeeded:
    """Units of both arms together at which a difference is found in 80% of cases; None: never.

    `fixed_horizon` with one look at the end, `always_valid` with any number of looks.
    """

    fixed_horizon: int | None
    always_valid: int | None


def units_needed(
    control: Sample, arm: Sample, effect: float, *, control_share: float, tuning: float, comparisons: int = 1
) -> UnitsNeeded | None:
    """Return how many units find `effect`, in the samples' unit; None without one.

    `control_share` is the control's share of the two arms' units. With several comparisons each must pass at its share
    of the level, as in Holm's first step.
    """
    variance = control.variance / control_share + arm.variance / (1 - control_share)
    if effect == 0 or variance <= 0:
        return None
    alpha = ALPHA / comparisons
    one_look = normal_quantile(1 - alpha / 2)
    return UnitsNeeded(
        _least(lambda _: one_look, variance, effect),
        _least(lambda n: always_valid_multiple(n, tuning=tuning, alpha=alpha), variance, effect),
    )


def _least(multiple: Callable[[float], float], variance: float, effect: float) -> int | None:
    """Return the smallest n at which the interval's half width and the power margin fit into the effect."""
    margin = normal_quantile(POWER)

    def finds(n: int) -> bool:
        return (multiple(n) + margin) * math.sqrt(variance / n) <= abs(effect)

    return bisect_left(range(MOST_UNITS), True, lo=1, key=finds) if finds(MOST_UNITS) else None  # noqa: FBT003
