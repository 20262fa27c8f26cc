"""The figures of an experiment, ready to be compared."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from repository.experiments import Experiment
from repository.operations.experiment_figures import (
    ArmCounts,
    ArmSums,
    EarlierMean,
    LeftOut,
    arm_counts,
    earlier_means,
    left_out,
    outcome_sums,
    post_sums,
)
from repository.operations.experiment_spending import ArmSpending, arm_spending
from repository.pool import Connection, snapshot


@dataclass(frozen=True)
class ExperimentFigures:
    """Counts and sums by variant and tenant; `mature` is the age at which outcomes are taken, None for the latest."""

    experiment: Experiment
    read_at: datetime
    mature: timedelta | None
    counts: Sequence[ArmCounts]
    of_posts: Sequence[ArmSums]
    of_outcomes: Sequence[ArmSums]
    spending: Sequence[ArmSpending]
    earlier: Sequence[EarlierMean]
    left_out: LeftOut

    @cached_property
    def outcomes(self) -> list[str]:
        """The names of outcomes of the experiment's posts."""
        return sorted({row.metric for row in self.of_outcomes})

    @cached_property
    def post_metrics(self) -> list[str]:
        """The names of metrics of the posts themselves."""
        return sorted({row.metric for row in self.of_posts} - set(self.outcomes))

    @property
    def sums(self) -> list[ArmSums]:
        """All sums; an outcome takes precedence over a metric of ours with the same name."""
        return [*self.of_outcomes, *(row for row in self.of_posts if row.metric in self.post_metrics)]

    def counts_of(self, variant: str) -> list[ArmCounts]:
        """Return the counts of one variant by tenant."""
        return [one for one in self.counts if one.variant == variant]

    def spending_of(self, variant: str) -> list[ArmSpending]:
        """Return the cost of one variant by tenant."""
        return [one for one in self.spending if one.variant == variant]

    def sums_of(self, metric: str, variant: str) -> list[ArmSums]:
        """Return the sums of one metric and variant by tenant."""
        return self._by_arm[metric, variant]

    def known_before(self, metric: str) -> Mapping[str, float]:
        """Return each tenant's earlier mean on the log scale, where known."""
        return {one.tenant_id: one.log_mean for one in self.earlier if one.metric == metric}

    @cached_property
    def _by_arm(self) -> Mapping[tuple[str, str], list[ArmSums]]:
        found: defaultdict[tuple[str, str], list[ArmSums]] = defaultdict(list)
        for row in self.sums:
            found[row.metric, row.variant].append(row)
        return found


async def read_figures(
    connection: Connection, experiment: Experiment, *, now: datetime, mature: timedelta | None = None
) -> ExperimentFigures:
    """Read all figures of an experiment in one snapshot."""
    experiment_id, started_at = experiment.experiment_id, experiment.started_at or now
    async with snapshot(connection):
        return ExperimentFigures(
            experiment=experiment,
            read_at=now,
            mature=mature,
            counts=await arm_counts(connection, experiment_id, mature=mature),
            of_posts=await post_sums(connection, experiment_id),
            of_outcomes=await outcome_sums(connection, experiment_id, mature=mature),
            spending=await arm_spending(connection, experiment_id),
            earlier=await earlier_means(connection, experiment_id, started_at=started_at, mature=mature),
            left_out=await left_out(connection, experiment_id, mature=mature),
        )
