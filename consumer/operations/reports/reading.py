"""All that a page shows, read from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from consumer.operations.experiments.figures import ExperimentFigures, read_figures
from consumer.operations.reports.buckets import Bucket, bucket_for, bucket_starts, in_part
from repository.operations.cost_without_post import CostWithoutPost, cost_without_post
from repository.operations.experiment_figures import experiments_between
from repository.operations.report_charts import (
    Activity,
    Breakdown,
    Failures,
    Share,
    activity,
    breakdown,
    failures,
    shares,
)
from repository.operations.report_scope import GroupBy, ReportScope
from repository.operations.reports import Latency, latency
from repository.pool import Connection

BREAKDOWNS = (GroupBy.MODEL, GroupBy.VARIANT, GroupBy.TENANT)


@dataclass(frozen=True, slots=True)
class ReportFigures:
    """The figures of a page. `model` is the name that the scope was limited to.

    Of one model's posts `failures` and `without_post` are None: the model of a failed request is not kept.
    """

    scope: ReportScope
    until: datetime
    model: str | None
    bucket: Bucket
    starts: Sequence[datetime]
    in_part: frozenset[int]
    latency: Latency
    activity: Mapping[datetime, Activity]
    shares: Sequence[Share]
    breakdowns: Mapping[GroupBy, Sequence[Breakdown]]
    failures: Sequence[Failures] | None
    without_post: Sequence[CostWithoutPost] | None
    experiments: Sequence[ExperimentFigures]

    @property
    def posts(self) -> int:
        """How many posts there are."""
        return self.latency.total_count

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(failure.requests for failure in self.failures or ())

    @property
    def spent_on_posts_usd(self) -> Decimal:
        """What the posts cost."""
        return sum((share.spent_usd for share in self.shares), Decimal(0))

    @property
    def spent_without_post_usd(self) -> Decimal:
        """What failed and unfinished requests cost."""
        return sum((rest.spent_usd for rest in self.without_post or ()), Decimal(0))


async def read(connection: Connection, scope: ReportScope, *, model: str | None, now: datetime) -> ReportFigures:
    """Return the figures of the posts in the scope, its open end being `now`."""
    until, zone = scope.until or now, ZoneInfo(scope.timezone)
    bucket = bucket_for(until - scope.since)
    begin, end = _local(scope.since, zone), _local(until, zone)
    starts = bucket_starts(begin, end, bucket)
    [whole] = await latency(connection, scope)
    known = scope.llm_model_id is None
    return ReportFigures(
        scope=scope,
        until=until,
        model=model,
        bucket=bucket,
        starts=starts,
        in_part=in_part(starts, begin, end, bucket),
        latency=whole,
        activity={one.begins: one for one in await activity(connection, scope, bucket=bucket)},
        shares=await shares(connection, scope, GroupBy.MODEL, bucket=bucket),
        breakdowns={by: await breakdown(connection, scope, by) for by in BREAKDOWNS},
        failures=await failures(connection, scope, bucket=bucket) if known else None,
        without_post=await cost_without_post(connection, scope) if known else None,
        experiments=await _experiments(connection, scope, until, now),
    )


async def _experiments(
    connection: Connection, scope: ReportScope, until: datetime, now: datetime
) -> list[ExperimentFigures]:
    """Return what was read of the experiments that ran in this time; of a part of the posts there is no comparison."""
    if scope.tenant_id is not None or scope.llm_model_id is not None:
        return []
    ran = await experiments_between(connection, scope.since, until)
    return [await read_figures(connection, experiment, now=now) for experiment in ran]


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
