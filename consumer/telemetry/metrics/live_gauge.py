"""A gauge that is read at each scrape, so that samples of what is gone disappear."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Samples = Iterable[tuple[Sequence[str], float]]
"""Label values, and the value."""


class LiveGauge(Collector):
    """A gauge whose samples are read from elsewhere."""

    _family: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        self._arguments = (name, documentation)
        self._labelnames = tuple(labelnames)
        self._samples: Callable[[], Samples] = tuple
        registry.register(self)

    def read_from(self, samples: Callable[[], Samples]) -> None:
        """Read samples from here."""
        self._samples = samples

    def read_value(self, value: Callable[[], float]) -> None:
        """Read a value without labels from here."""
        self._samples = lambda: [((), value())]

    def describe(self) -> Iterable[Metric]:
        """Return the name, without samples."""
        return [self._family(*self._arguments, labels=self._labelnames)]

    def collect(self) -> Iterable[Metric]:
        """Return the present samples."""
        family = self._family(*self._arguments, labels=self._labelnames)
        for labels, value in self._samples():
            family.add_metric(labels, value)
        return [family]


class LiveCounter(LiveGauge):
    """The same as a counter."""

    _family = CounterMetricFamily
