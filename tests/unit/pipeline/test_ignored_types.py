"""Names of skipped types: few, short and printable, whatever producers write."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.ignored_events import EMPTY, MAX_TYPE_CHARS, MAX_TYPES, OTHER, TypeNames


@given(st.lists(st.text(max_size=200), max_size=60))
def test_whatever_types_come_their_names_are_few_and_harmless(types: list[str]) -> None:
    name_of = TypeNames()
    names = {name_of(one) for one in types}
    assert len(names) <= MAX_TYPES + 1
    assert all(0 < len(name) <= MAX_TYPE_CHARS and name.isprintable() for name in names)


def test_a_type_keeps_its_name_and_those_beyond_the_first_share_one() -> None:
    name_of = TypeNames()
    first = [name_of(f"overlay.{number}") for number in range(MAX_TYPES)]
    assert name_of("overlay.late") == OTHER
    assert [name_of(f"overlay.{number}") for number in range(MAX_TYPES)] == first
    assert TypeNames()("") == EMPTY
