"""Our histogram says what the client's says of the same values, in both formats."""

from math import inf
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from consumer.telemetry.metrics.lean_histogram import LeanHistogram

BUCKETS: Final = (0.005, 0.1, 1, 2.5, 1_000_000)
VALUES: Final = st.one_of(st.sampled_from([0.0, *BUCKETS, inf]), st.floats(min_value=0, max_value=2e6))
NAME: Final = ("duration_seconds", "How long it\ntook, \\ and all")


@given(st.lists(st.tuples(st.sampled_from(["claim", 'sto"re']), VALUES)))
def test_labelled_values_are_exposed_as_by_the_client(observed: list[tuple[str, float]]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    lean = LeanHistogram(*NAME, ["kind", "error_type"], buckets=BUCKETS, registry=ours)
    client = Histogram(*NAME, ["kind", "error_type"], buckets=BUCKETS, registry=theirs)
    for kind, value in observed:
        lean.labels(kind, "").observe(value)
        client.labels(kind, "").observe(value)
    for encode in (generate_latest, openmetrics):
        assert encode(ours) == encode(theirs)


@given(st.lists(VALUES))
def test_without_labels_there_are_samples_from_the_start_as_with_the_client(values: list[float]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    series = LeanHistogram(*NAME, buckets=BUCKETS, registry=ours).labels()
    client = Histogram(*NAME, buckets=BUCKETS, registry=theirs)
    for value in values:
        series.observe(value)
        client.observe(value)
    for encode in (generate_latest, openmetrics):
        assert encode(ours) == encode(theirs)


def test_a_name_is_registered_once() -> None:
    registry = CollectorRegistry()
    LeanHistogram(*NAME, buckets=BUCKETS, registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        LeanHistogram(*NAME, buckets=BUCKETS, registry=registry)


def test_as_many_values_as_labels() -> None:
    histogram = LeanHistogram(*NAME, ["kind"], buckets=BUCKETS, registry=CollectorRegistry())
    with pytest.raises(ValueError, match="kind"):
        histogram.labels("claim", "")
