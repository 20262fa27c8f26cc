import json
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.assignment import BUCKETS, bucket, bucket_ranges, choice, fnv1a_32, normalized

CASES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "fixtures" / "growthbook_cases.json").read_text())
ALL_BUCKETS = [number / BUCKETS for number in range(BUCKETS)]

some_weights = st.lists(st.floats(min_value=0.01, max_value=1_000), min_size=2, max_size=8)
shares = st.floats(min_value=0.001, max_value=1)


@pytest.mark.parametrize(("seed", "value", "version", "expected"), CASES["hash"])
def test_hashes_are_those_that_growthbook_publishes(
    seed: str, value: str, version: int, expected: float | None
) -> None:
    # version 1 is another use of the same FNV-1a; there is no version 99
    computed = {1: fnv1a_32(value + seed) % 1_000 / 1_000, 2: bucket(seed, value)}.get(version)
    assert computed == expected


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES["getBucketRange"])
def test_ranges_are_those_that_growthbook_publishes(
    name: str, arguments: tuple[int, float, list[float] | None], expected: list[list[float]]
) -> None:
    assert [[round(end, 6) for end in ends] for ends in bucket_ranges(*arguments)] == expected


@pytest.mark.parametrize(("name", "of", "ranges", "expected"), CASES["chooseVariation"])
def test_choices_are_those_that_growthbook_publishes(
    name: str, of: float, ranges: list[tuple[float, float]], expected: int
) -> None:
    assert choice(of, ranges) == (None if expected == -1 else expected)


def test_there_are_as_many_published_cases_as_the_source_has() -> None:
    assert [len(CASES[name]) for name in ("hash", "getBucketRange", "chooseVariation")] == [15, 13, 13]


@given(weights=some_weights)
def test_no_bucket_is_without_a_variant_where_all_take_part(weights: list[float]) -> None:
    ranges = bucket_ranges(len(weights), 1, normalized(weights))
    assert all(end == start for (_, end), (start, _) in pairwise(ranges))
    assert choice(0, ranges) is not None
    assert choice(ALL_BUCKETS[-1], ranges) is not None


def test_each_of_the_ten_thousand_buckets_has_a_variant() -> None:
    ranges = bucket_ranges(7, 1, normalized([3, 1, 1, 1, 1, 1, 1]))
    assert None not in {choice(of, ranges) for of in ALL_BUCKETS}


@given(weights=some_weights, first=shares, second=shares, of=st.sampled_from(ALL_BUCKETS))
def test_a_larger_share_moves_nobody(weights: list[float], first: float, second: float, of: float) -> None:
    smaller, larger = sorted((first, second))
    before, after = (choice(of, bucket_ranges(len(weights), share, normalized(weights))) for share in (smaller, larger))
    assert before in {None, after}


def test_weights_that_do_not_sum_to_1_keep_their_proportions() -> None:
    ranges = bucket_ranges(2, 1, normalized([70, 30]))
    assert [round(end - start, 9) for start, end in ranges] == [0.7, 0.3]


def test_ten_thousand_overlays_divide_as_the_weights_say() -> None:
    ranges = bucket_ranges(2, 1, normalized([70, 30]))
    chosen = [choice(bucket("tone", str(uuid4())), ranges) for _ in range(10_000)]
    standard_deviation = sqrt(10_000 * 0.7 * 0.3)
    # by chance it fails once in 100,000 runs
    assert abs(chosen.count(0) - 7_000) < 4.5 * standard_deviation
