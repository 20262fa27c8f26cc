"""One metric of a variant compared with the control: the difference and its uncertainty."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from consumer.operations.experiments.statistics.difference import (
    Difference,
    absolute_difference,
    relative_difference,
)
from consumer.operations.experiments.statistics.distributions import ALPHA
from consumer.operations.experiments.statistics.interval import Interval, always_valid, fixed_horizon
from consumer.operations.experiments.statistics.power import UnitsNeeded
from consumer.operations.experiments.statistics.sample import Sample
from consumer.operations.experiments.units import Scale

LEAST_UNITS_PER_ARM = 5


class Basis(StrEnum):
    """The units of a figure."""

    POST = "per_post"
    ASSIGNED = "per_assigned"
    """All assigned and decided overlays, counting 0 for one without a post (intention to treat)."""


class Role(StrEnum):
    """The purpose of a comparison."""

    HEADLINE = "headline"
    """The single tested comparison of an outcome, with Holm's correction."""
    BESIDE = "beside"
    """The same outcome in other ways: for information, not tested."""
    GUARDRAIL = "guardrail"
    """The metrics that must not get worse."""
    DESCRIPTION = "description"
    """Properties and costs of the posts."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with both its intervals: valid for one look, and valid for any number of looks."""

    estimate: float
    fixed_horizon: Interval
    always_valid: Interval

    def transformed(self, scale: Callable[[float], float]) -> "Effect":
        """Return a copy on another, monotonic scale."""
        return Effect(scale(self.estimate), self.fixed_horizon.transformed(scale), self.always_valid.transformed(scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A metric of a variant and of the control; means are on the raw scale, unknown effects are None.

    `adjusted_for_earlier_mean` (CUPED): the share of the variance that the tenant's earlier mean explains, if
    adjusted. `holm_…`: p-values corrected over all headlines.
    """

    metric: str
    variant: str
    role: Role
    basis: Basis
    scale: Scale
    control_units: int
    variant_units: int
    control_mean: float
    variant_mean: float
    absolute: Effect | None
    relative: Effect | None
    adjusted_for_earlier_mean: float | None = None
    holm_fixed_horizon_p: float | None = None
    holm_always_valid_p: float | None = None
    needed: UnitsNeeded | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the difference is significant for any number of looks and comparisons."""
        return self.holm_always_valid_p is not None and self.holm_always_valid_p < ALPHA

    def corrected(self, fixed_horizon_p: float, always_valid_p: float) -> "Comparison":
        """Return a copy with corrected p-values."""
        return replace(self, holm_fixed_horizon_p=fixed_horizon_p, holm_always_valid_p=always_valid_p)


def effect_of(difference: Difference | None, *, tuning: float) -> Effect | None:
    """Return a difference with its intervals."""
    if difference is None:
        return None
    return Effect(difference.estimate, fixed_horizon(difference), always_valid(difference, tuning=tuning))


def raw_comparison(
    control: Sample, arm: Sample, *, metric: str, variant: str, role: Role, basis: Basis, tuning: float
) -> Comparison:
    """Compare two means, unadjusted."""
    enough = _are_enough(control, arm)
    return Comparison(
        metric=metric,
        variant=variant,
        role=role,
        basis=basis,
        scale=Scale.RAW,
        control_units=control.n,
        variant_units=arm.n,
        control_mean=control.mean,
        variant_mean=arm.mean,
        absolute=effect_of(absolute_difference(control, arm), tuning=tuning) if enough else None,
        relative=effect_of(relative_difference(control, arm), tuning=tuning) if enough else None,
    )


def relative_effect_of_logs(control: Sample, arm: Sample, *, tuning: float, covariates: int) -> Effect | None:
    """Return the relative difference of a typical unit, from samples on the log scale."""
    if not _are_enough(control, arm):
        return None
    effect = effect_of(absolute_difference(control, arm, covariates=covariates), tuning=tuning)
    return effect and effect.transformed(_as_share)


def _as_share(log_difference: float) -> float:
    try:
        return math.expm1(log_difference)
    except OverflowError:
        return math.inf


def _are_enough(control: Sample, arm: Sample) -> bool:
    return min(control.n, arm.n) >= LEAST_UNITS_PER_ARM
