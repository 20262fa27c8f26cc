"""From sums by tenant to the arms of a comparison: the unit of analysis is the unit of assignment.

If overlays were assigned, each post counts; if tenants were, each tenant counts once, by its mean. Posts of one shop
are correlated, so counting them one by one would show differences where there are none.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from consumer.operations.experiments.statistics.cuped import NO_SUMS, PairedSums
from consumer.operations.experiments.statistics.sample import (
    Sample,
    from_values,
    per_assigned,
    proportion,
    ratio_of_means,
)
from repository.operations.experiment_figures import ArmCounts, ArmSums
from repository.operations.experiment_spending import ArmSpending
from schemas.experiments import AssignmentUnit


class Scale(StrEnum):
    """The scale on which a figure is compared."""

    RAW = "raw"
    LOG = "log"
    """The logarithm of 1 + value: likes have a long tail, and a wording changes them by a percentage."""


def paired_sums(
    control: Sequence[ArmSums],
    arm: Sequence[ArmSums],
    known: Mapping[str, float],
    *,
    scale: Scale,
    unit: AssignmentUnit,
) -> tuple[PairedSums, PairedSums]:
    """Return both arms with what was `known` of their tenants; unknown ones get the mean of the others."""
    units = [(known[row.tenant_id], _units(row, unit)) for row in (*control, *arm) if row.tenant_id in known]
    weight = sum(count for _, count in units)
    mean = sum(value * count for value, count in units) / weight if weight else 0.0
    first, second = (
        sum((_paired(row, known.get(row.tenant_id, mean), scale, unit) for row in rows), NO_SUMS)
        for rows in (control, arm)
    )
    return first, second


def sample_of(rows: Sequence[ArmSums], *, unit: AssignmentUnit) -> Sample:
    """Return one arm's figure on the raw scale, over the units that have it."""
    return sum((_paired(row, 0.0, Scale.RAW, unit) for row in rows), NO_SUMS).sample


def sample_per_assigned(rows: Sequence[ArmSums], counts: Sequence[ArmCounts], *, unit: AssignmentUnit) -> Sample:
    """Return one arm's figure per assigned overlay, counting 0 for one without a post."""
    if unit == AssignmentUnit.OVERLAY:
        ended, stored = (sum(getattr(one, name) for one in counts) for name in ("ended", "stored"))
        return per_assigned(sample_of(rows, unit=unit), stored, ended)
    means = {row.tenant_id: row.total / row.n for row in rows}
    return from_values(
        [
            means.get(one.tenant_id, 0.0) * one.stored / one.ended
            for one in counts
            if one.ended and (one.tenant_id in means or not one.stored)
        ]
    )


def failure_rate(counts: Sequence[ArmCounts], *, unit: AssignmentUnit) -> Sample:
    """Return the share of an arm's decided overlays without a post."""
    if unit == AssignmentUnit.TENANT:
        return from_values([one.failed / one.ended for one in counts if one.ended])
    return proportion(sum(one.failed for one in counts), sum(one.ended for one in counts))


def cost_per_post(rows: Sequence[ArmSpending], *, unit: AssignmentUnit) -> Sample:
    """Return an arm's cost per post in USD, including the cost of overlays without a post."""
    if unit == AssignmentUnit.OVERLAY:
        stored, total, squares, of_stored = (
            sum(getattr(row, name) for row in rows) for name in ("stored", "total", "squares", "total_of_stored")
        )
        return ratio_of_means(sum(row.decided for row in rows), (total, stored), (squares, of_stored, stored))
    means = [(row.total / row.decided, row.stored / row.decided) for row in rows]
    totals = sum(cost for cost, _ in means), sum(share for _, share in means)
    products = (
        sum(cost**2 for cost, _ in means),
        sum(cost * share for cost, share in means),
        sum(share**2 for _, share in means),
    )
    return ratio_of_means(len(means), totals, products)


def _units(row: ArmSums, unit: AssignmentUnit) -> int:
    return row.n if unit == AssignmentUnit.OVERLAY else 1


def _paired(row: ArmSums, known: float, scale: Scale, unit: AssignmentUnit) -> PairedSums:
    total, squares = (row.total, row.squares) if scale is Scale.RAW else (row.log_total, row.log_squares)
    if unit == AssignmentUnit.TENANT:
        mean = total / row.n
        return PairedSums(1, mean, mean**2, known, known**2, known * mean)
    return PairedSums(row.n, total, squares, row.n * known, row.n * known**2, known * total)
