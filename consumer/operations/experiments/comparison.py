"""One metric of one variant beside that of the control: how far apart they are, and how sure that is."""

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
    """Of which units a figure is."""

    POST = "per_post"
    ASSIGNED = "per_assigned"
    """All overlays that were assigned and are decided, one without a post counting 0 (intention to treat)."""


class Role(StrEnum):
    """What a comparison is for."""

    HEADLINE = "headline"
    """The one comparison of an outcome that is tested, beside the others of its kind by Holm."""
    BESIDE = "beside"
    """The same outcome in other ways: to look at, not to test."""
    GUARDRAIL = "guardrail"
    """What must not get worse."""
    DESCRIPTION = "description"
    """What the posts are like and took."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference with both its intervals: right for one look, and right however often one looks."""

    estimate: float
    fixed_horizon: Interval
    always_valid: Interval

    def transformed(self, scale: Callable[[float], float]) -> "Effect":
        """Return the same on another scale, which must keep the order."""
        return Effect(scale(self.estimate), self.fixed_horizon.transformed(scale), self.always_valid.transformed(scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A metric of a variant beside the control's; means are on the raw scale, an effect is None where it is unknown.

    `adjusted_for_earlier_mean` (CUPED): the share of the variance that the tenant's earlier mean explains, None
    without. `holm_…`: the p-values among those of all headlines.
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
        """Whether the difference is shown, however often one has looked and whatever else was compared."""
        return self.holm_always_valid_p is not None and self.holm_always_valid_p < ALPHA

    def corrected(self, fixed_horizon_p: float, always_valid_p: float) -> "Comparison":
        """Return the same with its p-values among the others."""
        return replace(self, holm_fixed_horizon_p=fixed_horizon_p, holm_always_valid_p=always_valid_p)


def effect_of(difference: Difference | None, *, tuning: float) -> Effect | None:
    """Return a difference with its intervals."""
    if difference is None:
        return None
    return Effect(difference.estimate, fixed_horizon(difference), always_valid(difference, tuning=tuning))


def raw_comparison(
    control: Sample, arm: Sample, *, metric: str, variant: str, role: Role, basis: Basis, tuning: float
) -> Comparison:
    """Compare two means as they are."""
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
    """Return by how much more or less the typical unit has, from samples on the log scale: as a share."""
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
