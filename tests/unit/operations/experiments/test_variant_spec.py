from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.experiments.creation import require_different
from consumer.operations.experiments.variant_spec import VariantSpec, WrongVariant, parse_variant


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("now", VariantSpec(name="now")),
        ("now:70", VariantSpec(name="now", weight=70)),
        ("b:0.3, prompt=hook:2", VariantSpec(name="b", weight=0.3, prompt="hook:2")),
        (
            "b,model=openai/gpt-4o-mini@2024-07-18,temperature=0,max_tokens=600,prompt=hook",
            VariantSpec(
                name="b", model="openai/gpt-4o-mini@2024-07-18", temperature=0.0, max_tokens=600, prompt="hook"
            ),
        ),
    ],
)
def test_a_variant_is_read(text: str, spec: VariantSpec) -> None:
    assert parse_variant(text) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is not a valid name of a variant"),
        ("b b", "is not a valid name of a variant"),
        ("b:0", "weight of 'b:0' is invalid; expected: a number above 0"),
        ("b:-1", "a number above 0"),
        ("b:nan", "a number above 0"),
        ("b:inf", "a number above 0"),
        ("b:", "a number above 0"),
        ("b:half", "a number above 0"),
        ("b,colour=red", "'colour=red' in 'b,colour=red' is not understood"),
        ("b,prompt=", "is not understood"),
        ("b,model=\udcff", "model of 'b,model=\udcff' is invalid; expected: letters that can be seen"),
        ("b,prompt=hook:0", "expected: NAME or NAME:VERSION"),
        ("b,temperature=2.1", "a number from 0 to 2"),
        ("b,temperature=warm", "a number from 0 to 2"),
        ("b,max_tokens=15", "a whole number from 16 to 128000"),
        ("b,max_tokens=100.5", "a whole number from 16 to 128000"),
        ("b,max_tokens=100,max_tokens=200", "max_tokens twice"),
    ],
)
def test_what_is_wrong_is_named_with_what_it_wants(text: str, says: str) -> None:
    with pytest.raises(WrongVariant) as error:
        parse_variant(text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_a_variant_or_wrong(text: str) -> None:
    with suppress(WrongVariant):
        assert parse_variant(text).weight > 0


def test_variants_have_names_of_their_own_and_there_are_two() -> None:
    with pytest.raises(WrongVariant, match="--variant is missing"):
        require_different([VariantSpec(name="now")])
    with pytest.raises(WrongVariant, match="the variant b is there twice"):
        require_different([VariantSpec(name="now"), VariantSpec(name="b"), VariantSpec(name="b")])
