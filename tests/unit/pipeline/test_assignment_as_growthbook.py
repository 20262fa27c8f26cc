"""The assignment beside GrowthBook's own package, which a development environment has."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.assignment import BUCKETS, bucket, bucket_ranges, choice, normalized

growthbook = pytest.importorskip("growthbook.core")

hangul_and_emoji = st.text(
    st.one_of(
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF),
        st.characters(),
    ),
    max_size=40,
)
some_weights = st.lists(st.floats(min_value=0.01, max_value=1_000), min_size=2, max_size=8)
shares = st.floats(min_value=0.001, max_value=1)


@given(seed=hangul_and_emoji, value=hangul_and_emoji)
def test_any_script_hashes_as_in_the_package(seed: str, value: str) -> None:
    assert bucket(seed, value) == growthbook.gbhash(seed, value, 2)


def test_a_thousand_ids_in_hangul_and_emoji_hash_as_in_the_package() -> None:
    ids = [f"{chr(0xAC00 + 11 * number)}가게{chr(0x1F300 + number)}" for number in range(1_000)]
    assert [bucket("hook-first", value) for value in ids] == [
        growthbook.gbhash("hook-first", value, 2) for value in ids
    ]


@given(weights=some_weights, share=shares, of=st.integers(0, BUCKETS - 1).map(lambda number: number / BUCKETS))
def test_ranges_and_choices_are_those_of_the_package(weights: list[float], share: float, of: float) -> None:
    ours, theirs = (
        make(len(weights), share, normalized(weights)) for make in (bucket_ranges, growthbook.getBucketRanges)
    )
    assert ours == theirs
    assert choice(of, ours) == (None if (place := growthbook.chooseVariation(of, theirs)) == -1 else place)


def test_ten_thousand_overlays_have_the_variants_that_the_package_gives_them() -> None:
    ranges = bucket_ranges(2, 1, normalized([70, 30]))
    for value in [str(uuid4()) for _ in range(10_000)]:
        theirs = growthbook.chooseVariation(growthbook.gbhash("tone", value, 2), ranges)
        assert choice(bucket("tone", value), ranges) == theirs
