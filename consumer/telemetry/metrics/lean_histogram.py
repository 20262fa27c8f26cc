"""A histogram for hot paths: an observation costs a search and two additions, without a lock or a lookup.

All observations and the scrape run on the event loop, so no lock is needed.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString


class Series:
    """The series of one set of label values."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds  # the last one is infinite, so that every value has a bucket
        self._counts = [0] * len(bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value; upper bounds are inclusive."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def sum(self) -> float:
        """All values together."""
        return self._sum

    def cumulated(self) -> list[int]:
        """Return the cumulative counts."""
        return list(accumulate(self._counts))


class LeanHistogram(Collector):
    """Exposes the same as `prometheus_client.Histogram`; bounds ascend and are not negative."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str] = (),
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._arguments = (name, documentation)
        self._labelnames = tuple(labelnames)
        self._bounds = (*map(float, buckets), INF)
        self._bound_labels = tuple(map(floatToGoString, self._bounds))
        self._series: dict[tuple[str, ...], Series] = {}
        registry.register(self)

    def labels(self, *values: str) -> Series:
        """Return the series of these label values, creating it if needed; keep a reference in hot paths.

        Raises:
            ValueError: the number of values differs from that of labels.
        """
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self._labelnames):
                raise ValueError(f"{self._arguments[0]} has the labels {self._labelnames}")
            series = self._series[tuple(map(str, values))] = Series(self._bounds)
        return series

    def describe(self) -> Iterable[Metric]:
        """Return the name, without samples."""
        return [HistogramMetricFamily(*self._arguments, labels=self._labelnames)]

    def collect(self) -> Iterable[Metric]:
        """Return the present samples."""
        family = HistogramMetricFamily(*self._arguments, labels=self._labelnames)
        for values, series in self._series.items():
            buckets = list(zip(self._bound_labels, series.cumulated(), strict=True))
            family.add_metric(values, buckets, series.sum)
        return [family]
