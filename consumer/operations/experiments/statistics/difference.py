"""The difference between an arm and its control, absolute and relative, with its standard error.

Welch's: the arms may vary differently. The relative one by the delta method, as in GrowthBook.
"""

import math
from dataclasses import dataclass

from consumer.operations.experiments.statistics.sample import Sample


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between an arm and its control; `n` is the number of units of both."""

    estimate: float
    standard_error: float
    dof: float
    n: int


def absolute_difference(control: Sample, arm: Sample, *, covariates: int = 0) -> Difference | None:
    """Return arm minus control in the figure's unit; None if its error is unknown.

    `covariates` is how many slopes were estimated from the same units.
    """
    if not _can_be_compared(control, arm):
        return None
    variance = control.squared_error + arm.squared_error
    return Difference(arm.mean - control.mean, math.sqrt(variance), _dof(control, arm) - covariates, control.n + arm.n)


def relative_difference(control: Sample, arm: Sample) -> Difference | None:
    """Return arm minus control as a share of the control; None also if the control is 0."""
    if control.mean == 0 or not _can_be_compared(control, arm):
        return None
    base = abs(control.mean)
    variance = arm.squared_error / base**2 + control.squared_error * arm.mean**2 / base**4
    return Difference((arm.mean - control.mean) / base, math.sqrt(variance), _dof(control, arm), control.n + arm.n)


def _can_be_compared(control: Sample, arm: Sample) -> bool:
    return control.can_be_compared and arm.can_be_compared and control.variance + arm.variance > 0


def _dof(control: Sample, arm: Sample) -> float:
    """Return the degrees of freedom by Welch and Satterthwaite."""
    parts = [(one.squared_error, one.n - 1) for one in (control, arm)]
    return sum(error for error, _ in parts) ** 2 / sum(error**2 / dof for error, dof in parts)
