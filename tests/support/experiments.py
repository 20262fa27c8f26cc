"""Experiments and what was read of them, made up for tests."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from consumer.operations.experiments.figures import ExperimentFigures
from repository.experiments import Experiment, Variant
from repository.operations.experiment_figures import ArmCounts, ArmSums, EarlierMean, LeftOut
from repository.operations.experiment_spending import ArmSpending
from schemas.experiments import AssignmentUnit, ExperimentState

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOTHING_LEFT_OUT = LeftOut(more_than_one_arm=0, restored_by_hand=0, too_young=0, published_when_unknown=0)


def experiment(
    *names: str,
    unit: AssignmentUnit = AssignmentUnit.OVERLAY,
    minimal_effect: float | None = None,
    weights: Sequence[float] = (),
) -> Experiment:
    """A running experiment of these variants, the control first."""
    return Experiment(
        experiment_id=uuid4(),
        name="tone",
        hash_key="tone",
        unit=unit,
        share=1.0,
        state=ExperimentState.RUNNING,
        minimal_effect=minimal_effect,
        created_at=NOW,
        started_at=NOW,
        stopped_at=None,
        variants=tuple(
            Variant(variant=name, weight=weight, is_control=place == 0)
            for place, (name, weight) in enumerate(zip(names, weights or [1.0] * len(names), strict=True))
        ),
    )


def counts(
    variant: str,
    stored: int,
    *,
    failed: int = 0,
    tenant: str = "t",
    with_outcome: int | None = None,
    by_batch: int = 0,
) -> ArmCounts:
    """A variant's overlays of one tenant, all of them decided."""
    seen = stored if with_outcome is None else with_outcome
    return ArmCounts(
        variant=variant,
        tenant_id=tenant,
        assigned=stored + failed,
        stored=stored,
        failed=failed,
        with_outcome=seen,
        by_batch=by_batch,
    )


def sums(variant: str, metric: str, values: Sequence[float], *, tenant: str = "t") -> ArmSums:
    """The sums over these values, as the database would have them."""
    logs = [math.log1p(max(value, 0)) for value in values]
    return ArmSums(
        variant=variant,
        tenant_id=tenant,
        metric=metric,
        n=len(values),
        total=sum(values),
        squares=sum(value**2 for value in values),
        log_total=sum(logs),
        log_squares=sum(log**2 for log in logs),
        lowest=min(values),
    )


def figures(
    about: Experiment,
    *,
    counts: Sequence[ArmCounts] = (),
    outcomes: Sequence[ArmSums] = (),
    posts: Sequence[ArmSums] = (),
    earlier: Sequence[EarlierMean] = (),
    spending: Sequence[ArmSpending] = (),
) -> ExperimentFigures:
    """What was read of it."""
    return ExperimentFigures(
        experiment=about,
        read_at=NOW,
        mature=None,
        counts=counts,
        of_posts=posts,
        of_outcomes=outcomes,
        spending=spending,
        earlier=earlier,
        left_out=NOTHING_LEFT_OUT,
    )


def spent(variant: str, *, decided: int, stored: int, tenant: str = "t") -> ArmSpending:
    """Overlays at 1 dollar each."""
    return ArmSpending(
        variant=variant,
        tenant_id=tenant,
        decided=decided,
        stored=stored,
        total=decided,
        squares=decided,
        total_of_stored=stored,
    )
