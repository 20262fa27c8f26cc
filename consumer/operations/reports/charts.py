"""The charts of a page, from what was read."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from consumer.operations.reports.buckets import bucket_label
from consumer.operations.reports.chart import Chart, Series
from consumer.operations.reports.reading import ReportFigures
from consumer.operations.reports.scale import milliseconds, short, usd
from repository.operations.report_charts import Activity, Share

MOST_SERIES = 5
REST_CLASS = "rest"
FAILURE_CLASS = "failure"
NO_MODEL = "no model"


def volume(reading: ReportFigures) -> Chart:
    """Draw posts over time by model, and the requests that failed."""
    series = _by_model(reading, lambda share: share.posts)
    title = "Posts" if reading.failures is None else "Posts and failed requests"
    if reading.failures:
        failed: dict[datetime, float] = defaultdict(float)
        for failure in reading.failures:
            failed[failure.begins] += failure.requests
        values = [failed.get(start) for start in reading.starts]
        series = [*series, Series("failed requests", FAILURE_CLASS, values, always_seen=True)]
    return _chart(reading, f"{title} per {reading.bucket}", series, short, whole=True)


def tokens(reading: ReportFigures) -> Chart:
    """Prompt and completion tokens over time."""
    series = [
        Series("prompt", "s0", _over_time(reading, lambda one: one.prompt_tokens)),
        Series("completion", "s1", _over_time(reading, lambda one: one.completion_tokens)),
    ]
    return _chart(reading, f"Tokens per {reading.bucket}", series, short, whole=True)


def cost(reading: ReportFigures) -> Chart:
    """Return what the posts cost over time, by model."""
    series = _by_model(reading, lambda share: float(share.spent_usd))
    return _chart(reading, f"USD spent on posts per {reading.bucket}", series, usd)


def latency(reading: ReportFigures) -> Chart:
    """Draw percentiles of latency over time."""
    series = [
        Series("p99", "s5", _over_time(reading, lambda one: one.p99_ms)),
        Series("p95", "s2", _over_time(reading, lambda one: one.p95_ms)),
        Series("p50", "s0", _over_time(reading, lambda one: one.p50_ms)),
    ]
    return _chart(reading, f"Latency of the LLM call by {reading.bucket}", series, milliseconds)


def _chart(
    reading: ReportFigures,
    title: str,
    series: Sequence[Series],
    spelled: Callable[[float], str],
    *,
    whole: bool = False,
) -> Chart:
    labels = [bucket_label(start, reading.bucket) for start in reading.starts]
    return Chart(title, labels, series, spelled, whole=whole, in_part=reading.in_part)


def _over_time(reading: ReportFigures, value: Callable[[Activity], float | None]) -> list[float | None]:
    return [value(reading.activity[start]) if start in reading.activity else None for start in reading.starts]


def _by_model(reading: ReportFigures, value: Callable[[Share], float]) -> list[Series]:
    """Return the models with the most posts, each in its colour, and all others together."""
    names = {share.rank: share.group or NO_MODEL for share in reading.shares}
    series = [
        Series(names[rank], f"s{rank - 1}", _summed(reading, [s for s in reading.shares if s.rank == rank], value))
        for rank in sorted(names)[:MOST_SERIES]
    ]
    rest = [share for share in reading.shares if share.rank > MOST_SERIES]
    if rest:
        series.append(Series(f"{len(names) - MOST_SERIES} others", REST_CLASS, _summed(reading, rest, value)))
    return series


def _summed(reading: ReportFigures, chosen: Sequence[Share], value: Callable[[Share], float]) -> list[float | None]:
    sums: dict[datetime, float] = defaultdict(float)
    for share in chosen:
        sums[share.begins] += value(share)
    return [sums.get(start) for start in reading.starts]
