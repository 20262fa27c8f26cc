"""A gauge that is read when it is scraped: what is gone by then has no sample any more."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Samples = Iterable[tuple[Sequence[str], float]]
"""Values of the labels, and the value."""


class LiveGauge(Collector):
    """A gauge whose samples somebody else has; none until that is said."""

    _family: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        self._arguments = (name, documentation)
        self._labelnames = tuple(labelnames)
        self._samples: Callable[[], Samples] = tuple
        registry.register(self)

    def read_from(self, samples: Callable[[], Samples]) -> None:
        """Ask here from now on."""
        self._samples = samples

    def read_value(self, value: Callable[[], float]) -> None:
        """Ask here from now on, where there are no labels."""
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
    """The same for what only grows."""

    _family = CounterMetricFamily
