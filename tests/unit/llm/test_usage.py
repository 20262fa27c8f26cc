"""What a call used, as many providers tell it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.usage import MOST_TOKENS, Tokens, tokens_of
from tests.support.overlay_events import json_values


def tokens(prompt: int, completion: int, *, cached: int = 0, written: int = 0) -> Tokens:
    return Tokens(
        prompt=prompt,
        cached_prompt=cached,
        cache_write_prompt=written,
        completion=completion,
        total=prompt + completion,
    )


PLAIN = {"prompt_tokens": 400, "completion_tokens": 80, "total_tokens": 480}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (PLAIN, tokens(400, 80)),
        ({name: float(count) for name, count in PLAIN.items()}, tokens(400, 80)),
        ({name: str(count) for name, count in PLAIN.items()}, tokens(400, 80)),
        ({"prompt_tokens": "400.0", "completion_tokens": " 80 "}, tokens(400, 80)),
        ({"prompt_tokens": 400, "completion_tokens": 80}, tokens(400, 80)),
        ({"prompt_tokens": 400, "total_tokens": 480}, tokens(400, 80)),
        ({"input_tokens": 400, "output_tokens": 80}, tokens(400, 80)),
        (PLAIN | {"prompt_tokens_details": {"cached_tokens": 300}}, tokens(400, 80, cached=300)),
        (PLAIN | {"prompt_tokens_details": {"cached_tokens": 300.0}}, tokens(400, 80, cached=300)),
        (PLAIN | {"prompt_tokens_details": []}, tokens(400, 80)),
        (PLAIN | {"prompt_tokens_details": None}, tokens(400, 80)),
        (PLAIN | {"prompt_tokens_details": {"cached_tokens": None}}, tokens(400, 80)),
        (PLAIN | {"prompt_cache_hit_tokens": 256, "prompt_cache_miss_tokens": 144}, tokens(400, 80, cached=256)),
        (PLAIN | {"cached_tokens": 128}, tokens(400, 80, cached=128)),
        (
            PLAIN | {"cache_read_input_tokens": 200, "cache_creation_input_tokens": 100},
            tokens(400, 80, cached=200, written=100),
        ),
        (
            {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 20},
            tokens(120, 5, cached=90, written=20),
        ),
        (
            {"input_tokens": 100, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 90}},
            tokens(100, 5, cached=90),
        ),
    ],
)
def test_counts_are_read_in_every_spelling(usage: object, expected: Tokens) -> None:
    assert tokens_of(usage) == expected


def test_hidden_reasoning_is_what_the_total_has_beyond_both_counts() -> None:
    hidden = {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 1_500}
    assert tokens_of(hidden) == tokens(400, 1_100)


def test_a_total_that_is_too_small_is_a_total_that_nobody_made() -> None:
    assert tokens_of(PLAIN | {"total_tokens": 0}) == tokens(400, 80)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "free of charge",
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": "many"},
        {"prompt_tokens": -5},
        {"prompt_tokens": 2**31},
        {"prompt_tokens": True},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": float("nan")},
    ],
)
def test_what_nobody_tells_is_unknown_and_not_zero(usage: object) -> None:
    assert tokens_of(usage) == Tokens()


def test_of_half_a_usage_only_that_half_is_known() -> None:
    assert tokens_of({"completion_tokens": 80}) == Tokens(completion=80)
    assert tokens_of({"prompt_tokens": 400}) == Tokens(prompt=400, cached_prompt=0, cache_write_prompt=0)


names = st.sampled_from(
    ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "prompt_tokens_details"]
)
counts = st.integers(-1, 2**32) | st.floats() | st.text(max_size=5) | json_values


@given(json_values | st.dictionaries(names, counts))
def test_any_usage_gives_counts_that_a_column_holds_or_none(usage: object) -> None:
    found = tokens_of(usage)
    known = [count for count in (found.prompt, found.completion, found.total) if count is not None]
    assert all(0 <= count <= MOST_TOKENS for count in known)
    if found.prompt is not None and found.completion is not None:
        assert found.total == min(found.prompt + found.completion, MOST_TOKENS)
