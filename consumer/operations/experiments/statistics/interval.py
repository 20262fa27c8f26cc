"""Where the true difference may lie, and how surprising the one found would be if there were none.

Two kinds: at a fixed horizon, valid for one look at a time chosen before; and always valid, however often one looks
and whenever one stops (the asymptotic confidence sequence of Waudby-Smith and others, 2023, arXiv 2103.06476, with
the tuning parameter that GrowthBook has).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from consumer.operations.experiments.statistics.difference import Difference
from consumer.operations.experiments.statistics.distributions import ALPHA, t_quantile, t_two_sided_p


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; `p_value` is that of no difference."""

    low: float
    high: float
    p_value: float

    def transformed(self, scale: Callable[[float], float]) -> "Interval":
        """Return the same on another scale, which must keep the order."""
        return Interval(scale(self.low), scale(self.high), self.p_value)


def fixed_horizon(difference: Difference, *, alpha: float = ALPHA) -> Interval:
    """Return the interval that is right for one look."""
    half = t_quantile(1 - alpha / 2, difference.dof) * difference.standard_error
    p_value = t_two_sided_p(difference.estimate / difference.standard_error, difference.dof)
    return Interval(difference.estimate - half, difference.estimate + half, p_value)


def always_valid(difference: Difference, *, tuning: float, alpha: float = ALPHA) -> Interval:
    """Return the interval that stays right under peeking; it is narrowest at about `tuning` units."""
    half = always_valid_multiple(difference.n, tuning=tuning, alpha=alpha) * difference.standard_error
    return Interval(difference.estimate - half, difference.estimate + half, _sequential_p(difference, tuning))


def always_valid_multiple(n: float, *, tuning: float, alpha: float = ALPHA) -> float:
    """Return half the interval's width after `n` units, in standard errors (equation 9 of the paper)."""
    growth = n * _rho_squared(tuning)
    return math.sqrt(2 * (growth + 1) / growth * math.log(math.sqrt(growth + 1) / alpha))


def _rho_squared(tuning: float) -> float:
    """Return the variance of the mixture that is best at `tuning` units (equation 161), whatever level is asked for."""
    evidence = -2 * math.log(ALPHA)
    return (evidence + math.log(evidence + 1)) / tuning


def _sequential_p(difference: Difference, tuning: float) -> float:
    """Return one over the evidence against no difference, at most 1 (equation 155)."""
    growth = difference.n * _rho_squared(tuning)
    squared_z = (difference.estimate / difference.standard_error) ** 2
    log_evidence = growth * squared_z / (2 * (growth + 1)) - math.log(growth + 1) / 2
    return min(1.0, math.exp(-log_evidence))
