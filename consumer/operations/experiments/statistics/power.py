"""How many units it takes to find a difference, for one look and for as many as one likes."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from consumer.operations.experiments.statistics.distributions import ALPHA, normal_quantile
from consumer.operations.experiments.statistics.interval import always_valid_multiple
from consumer.operations.experiments.statistics.sample import Sample

POWER = 0.8
"""How often a difference of the wanted size is to be found."""
MOST_UNITS = 10**12


@dataclass(frozen=True, slots=True)
class UnitsNeeded:
    """Units of both arms together after which a difference is found in 80% of the cases; None: never, as things are.

    `fixed_horizon` with one look at the end, `always_valid` however often one looks.
    """

    fixed_horizon: int | None
    always_valid: int | None


def units_needed(
    control: Sample, arm: Sample, effect: float, *, control_share: float, tuning: float, comparisons: int = 1
) -> UnitsNeeded | None:
    """Return how many units find `effect`, which is in the samples' own unit; None without one.

    `control_share` is the control's part of the two arms' units. With several comparisons each of them has to pass at
    its part of the level, as the first of Holm's steps demands.
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
    """Return the least n at which the interval's half width and the power's margin fit into the effect."""
    margin = normal_quantile(POWER)

    def finds(n: int) -> bool:
        return (multiple(n) + margin) * math.sqrt(variance / n) <= abs(effect)

    return bisect_left(range(MOST_UNITS), True, lo=1, key=finds) if finds(MOST_UNITS) else None  # noqa: FBT003
