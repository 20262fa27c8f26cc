"""The analysis of an experiment: each variant against the control. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from consumer.operations.experiments.comparison import (
    Basis,
    Comparison,
    Role,
    raw_comparison,
    relative_effect_of_logs,
)
from consumer.operations.experiments.figures import ExperimentFigures
from consumer.operations.experiments.statistics.cuped import adjusted
from consumer.operations.experiments.statistics.holm import holm
from consumer.operations.experiments.statistics.power import units_needed
from consumer.operations.experiments.statistics.sample import Sample
from consumer.operations.experiments.statistics.sample_ratio import SUSPICIOUS, same_share_p, sample_ratio_p
from consumer.operations.experiments.units import (
    Scale,
    cost_per_post,
    failure_rate,
    paired_sums,
    sample_of,
    sample_per_assigned,
)
from repository.experiments import Variant
from repository.operations.experiment_figures import ArmCounts, ArmSums
from schemas.experiments import AssignmentUnit

USUAL_MINIMAL_EFFECT = 0.05
USUAL_TUNING: Mapping[AssignmentUnit, float] = {AssignmentUnit.OVERLAY: 5_000, AssignmentUnit.TENANT: 100}
FAILURES = "failure_rate"
COST_PER_POST = "cost_per_post_usd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One variant's counts of overlays and properties of its posts; `weight` is its share of the experiment."""

    variant: str
    is_control: bool
    weight: float
    tenants: int
    assigned: int
    stored: int
    failed: int
    under_way: int
    with_outcome: int
    by_batch: int
    cost_per_post_usd: float | None
    means: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """The sizes of the arms at one level, compared with the planned ones."""

    level: str
    counts: Mapping[str, int]
    p_value: float

    @property
    def is_suspicious(self) -> bool:
        """Whether such sizes are unlikely by chance, so that the arms are not comparable."""
        return self.p_value < SUSPICIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShare:
    """How many of each arm's stored posts (tenants, in an experiment by tenant) came from a provider's batch."""

    counts: Mapping[str, int]
    stored: Mapping[str, int]
    p_value: float

    @property
    def is_suspicious(self) -> bool:
        """Whether such shares are unlikely by chance, so that the arms differ by more than the variant."""
        return self.p_value < SUSPICIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The results; `minimal_effect` is the relative difference for which `needed` units are computed."""

    figures: ExperimentFigures
    tuning: float
    minimal_effect: float
    arms: Sequence[Arm]
    sample_ratios: Sequence[SampleRatio]
    batch_share: BatchShare
    comparisons: Sequence[Comparison]

    @property
    def headlines(self) -> list[Comparison]:
        """The tested comparison of each outcome."""
        return [one for one in self.comparisons if one.role is Role.HEADLINE]

    @property
    def costs_per_post(self) -> list[Comparison]:
        """What a post took, in comparison: described, not tested."""
        return [one for one in self.comparisons if one.metric == COST_PER_POST]

    @property
    def guardrails(self) -> list[Comparison]:
        """The metrics that must not get worse."""
        return [one for one in self.comparisons if one.role is Role.GUARDRAIL]


def analyse(figures: ExperimentFigures, *, tuning: float | None = None) -> Analysis:
    """Compare all variants with the control; always valid intervals are narrowest at `tuning` units."""
    experiment = figures.experiment
    chosen = USUAL_TUNING[experiment.unit] if tuning is None else tuning
    effect = experiment.minimal_effect or USUAL_MINIMAL_EFFECT
    comparer = _Comparer(figures, chosen, effect)
    return Analysis(
        figures=figures,
        tuning=chosen,
        minimal_effect=effect,
        arms=[_arm(figures, variant) for variant in experiment.variants],
        sample_ratios=list(_sample_ratios(figures)),
        batch_share=_batch_share(figures),
        comparisons=_with_holm([one for variant in experiment.variants[1:] for one in comparer.compare(variant)]),
    )


def _with_holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    tested = [one for one in comparisons if one.role is Role.HEADLINE and one.relative is not None]
    fixed = holm([one.relative.fixed_horizon.p_value for one in tested if one.relative])
    always = holm([one.relative.always_valid.p_value for one in tested if one.relative])
    corrected = {id(one): one.corrected(*both) for one, *both in zip(tested, fixed, always, strict=True)}
    return [corrected.get(id(one), one) for one in comparisons]


class _Comparer:
    """Compares variants with the control, one after another."""

    def __init__(self, figures: ExperimentFigures, tuning: float, minimal_effect: float) -> None:
        self._figures = figures
        self._unit = figures.experiment.unit
        self._control = figures.experiment.variants[0]
        self._tuning = tuning
        self._minimal_effect = minimal_effect
        self._tests = len(figures.outcomes) * (len(figures.experiment.variants) - 1)

    def compare(self, variant: Variant) -> Iterator[Comparison]:
        """Yield the guardrail, then every outcome, then properties of the posts."""
        yield self._failures(variant)
        for metric in self._figures.outcomes:
            headline = self._headline(metric, variant)
            yield headline
            if headline.scale is Scale.LOG:
                yield self._raw(metric, variant, Role.BESIDE)
            yield self._per_assigned(metric, variant)
        yield self._cost_per_post(variant)
        for metric in self._figures.post_metrics:
            yield self._raw(metric, variant, Role.DESCRIPTION)

    def _failures(self, variant: Variant) -> Comparison:
        control, arm = (failure_rate(self._counts(one), unit=self._unit) for one in (self._control, variant))
        return self._comparison(control, arm, FAILURES, variant, Role.GUARDRAIL, Basis.ASSIGNED)

    def _cost_per_post(self, variant: Variant) -> Comparison:
        control, arm = (
            cost_per_post(self._figures.spending_of(one.variant), unit=self._unit) for one in (self._control, variant)
        )
        return self._comparison(control, arm, COST_PER_POST, variant, Role.DESCRIPTION, Basis.POST)

    def _headline(self, metric: str, variant: Variant) -> Comparison:
        """Compare on the log scale, adjusted for earlier means of tenants, if no value is negative; else unadjusted."""
        control, arm = self._sums(metric, self._control), self._sums(metric, variant)
        raw = self._raw(metric, variant, Role.HEADLINE)
        if min((row.lowest for row in self._figures.sums if row.metric == metric), default=0) < 0:
            samples = (sample_of(control, unit=self._unit), sample_of(arm, unit=self._unit))
            return self._with_needed(raw, *samples, effect=self._minimal_effect * samples[0].mean, variant=variant)
        known = self._figures.known_before(metric)
        sums = paired_sums(control, arm, known, scale=Scale.LOG, unit=self._unit)
        found = adjusted(*sums)
        samples = (found.control, found.arm) if found else (sums[0].sample, sums[1].sample)
        logs = replace(
            raw,
            scale=Scale.LOG,
            absolute=None,
            relative=relative_effect_of_logs(*samples, tuning=self._tuning, covariates=1 if found else 0),
            adjusted_for_earlier_mean=found.explained if found else None,
        )
        return self._with_needed(logs, *samples, effect=math.log1p(self._minimal_effect), variant=variant)

    def _with_needed(
        self, comparison: Comparison, control: Sample, arm: Sample, *, effect: float, variant: Variant
    ) -> Comparison:
        if comparison.relative is None:
            return comparison
        share = self._control.weight / (self._control.weight + variant.weight)
        needed = units_needed(
            control, arm, effect, control_share=share, tuning=self._tuning, comparisons=max(self._tests, 1)
        )
        return replace(comparison, needed=needed)

    def _raw(self, metric: str, variant: Variant, role: Role) -> Comparison:
        control, arm = (sample_of(self._sums(metric, one), unit=self._unit) for one in (self._control, variant))
        basis = Basis.ASSIGNED if metric == "cost_usd" else Basis.POST
        return self._comparison(control, arm, metric, variant, role, basis)

    def _per_assigned(self, metric: str, variant: Variant) -> Comparison:
        control, arm = (
            sample_per_assigned(self._sums(metric, one), self._counts(one), unit=self._unit)
            for one in (self._control, variant)
        )
        return self._comparison(control, arm, metric, variant, Role.BESIDE, Basis.ASSIGNED)

    def _comparison(
        self, control: Sample, arm: Sample, metric: str, variant: Variant, role: Role, basis: Basis
    ) -> Comparison:
        return raw_comparison(
            control, arm, metric=metric, variant=variant.variant, role=role, basis=basis, tuning=self._tuning
        )

    def _counts(self, variant: Variant) -> list[ArmCounts]:
        return self._figures.counts_of(variant.variant)

    def _sums(self, metric: str, variant: Variant) -> list[ArmSums]:
        return self._figures.sums_of(metric, variant.variant)


def _arm(figures: ExperimentFigures, variant: Variant) -> Arm:
    counts = figures.counts_of(variant.variant)
    stored = sum(one.stored for one in counts)
    costs = [row.total for row in figures.sums_of("cost_usd", variant.variant)]
    metrics = (*figures.post_metrics, *figures.outcomes)
    unit = figures.experiment.unit
    return Arm(
        variant=variant.variant,
        is_control=variant.is_control,
        weight=variant.weight / sum(one.weight for one in figures.experiment.variants),
        tenants=len(counts),
        assigned=sum(one.assigned for one in counts),
        stored=stored,
        failed=sum(one.failed for one in counts),
        under_way=sum(one.assigned - one.ended for one in counts),
        with_outcome=sum(one.with_outcome for one in counts),
        by_batch=sum(one.by_batch for one in counts),
        cost_per_post_usd=sum(costs) / stored if costs and stored else None,
        means={
            metric: sample.mean
            for metric in metrics
            if (sample := sample_of(figures.sums_of(metric, variant.variant), unit=unit)).n
        },
    )


def _sample_ratios(figures: ExperimentFigures) -> Iterator[SampleRatio]:
    """Yield the sizes as assigned, as stored, and with outcomes, in units of assignment."""
    weights = [variant.weight for variant in figures.experiment.variants]
    for level in ("assigned", "stored", "with_outcome"):
        counts = _units_of(figures, level)
        yield SampleRatio(level=level, counts=counts, p_value=sample_ratio_p(list(counts.values()), weights))


def _batch_share(figures: ExperimentFigures) -> BatchShare:
    counts, stored = _units_of(figures, "by_batch"), _units_of(figures, "stored")
    p_value = same_share_p(list(counts.values()), list(stored.values()))
    return BatchShare(counts=counts, stored=stored, p_value=p_value)


def _units_of(figures: ExperimentFigures, level: str) -> dict[str, int]:
    """Return how many units of each variant reached a level: overlays, or tenants with any."""
    by_overlay = figures.experiment.unit == AssignmentUnit.OVERLAY
    return {
        variant.variant: sum(
            getattr(one, level) if by_overlay else bool(getattr(one, level))
            for one in figures.counts_of(variant.variant)
        )
        for variant in figures.experiment.variants
    }
