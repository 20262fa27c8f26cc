"""Confidence intervals and p-values of a difference.

Two kinds: at a fixed horizon, valid for one look at a time chosen in advance; and always valid, for any number of
looks and any stopping time (the asymptotic confidence sequence of Waudby-Smith and others, 2023, arXiv 2103.06476,
with GrowthBook's tuning parameter).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from consumer.operations.experiments.statistics.difference import Difference
from consumer.operations.experiments.statistics.distributions import ALPHA, t_quantile, t_two_sided_p


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; `p_value` is for the null hypothesis of no difference."""

    low: float
    high: float
    p_value: float

    def transformed(self, scale: Callable[[float], float]) -> "Interval":
        """Return a copy on another, monotonic scale."""
        return Interval(scale(self.low), scale(self.high), self.p_value)


def fixed_horizon(difference: Difference, *, alpha: float = ALPHA) -> Interval:
    """Return the interval for a single look."""
    half = t_quantile(1 - alpha / 2, difference.dof) * difference.standard_error
    p_value = t_two_sided_p(difference.estimate / difference.standard_error, difference.dof)
    return Interval(difference.estimate - half, difference.estimate + half, p_value)


def always_valid(difference: Difference, *, tuning: float, alpha: float = ALPHA) -> Interval:
    """Return the interval that is valid under peeking, narrowest at about `tuning` units."""
    half = always_valid_multiple(difference.n, tuning=tuning, alpha=alpha) * difference.standard_error
    return Interval(difference.estimate - half, difference.estimate + half, _sequential_p(difference, tuning))


def always_valid_multiple(n: float, *, tuning: float, alpha: float = ALPHA) -> float:
    """Return half the interval's width after `n` units, in standard errors (equation 9 of the paper)."""
    growth = n * _rho_squared(tuning)
    return math.sqrt(2 * (growth + 1) / growth * math.log(math.sqrt(growth + 1) / alpha))


def _rho_squared(tuning: float) -> float:
    """Return the variance of the mixture that is optimal at `tuning` units (equation 161), whatever the level."""
    evidence = -2 * math.log(ALPHA)
    return (evidence + math.log(evidence + 1)) / tuning


def _sequential_p(difference: Difference, tuning: float) -> float:
    """Return the inverse of the evidence against no difference, at most 1 (equation 155)."""
    growth = difference.n * _rho_squared(tuning)
    squared_z = (difference.estimate / difference.standard_error) ** 2
    log_evidence = growth * squared_z / (2 * (growth + 1)) - math.log(growth + 1) / 2
    return min(1.0, math.exp(-log_evidence))
