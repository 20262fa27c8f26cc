from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.starting_offsets import Start, start_of

OFFSETS = st.integers(0, 1_000)


@given(OFFSETS, OFFSETS, st.none() | OFFSETS, st.booleans())
def test_reading_begins_within_the_partition_and_what_lies_between_is_told(
    first: int,
    records: int,
    known: int | None,
    is_same_topic: bool,  # noqa: FBT001 - drawn
) -> None:
    end = first + records
    start = start_of(known, first=first, end=end, is_same_topic=is_same_topic)
    assert first <= start.offset <= end
    if start.lost_from is not None:
        assert start.lost_from == known
        assert start.lost_from < start.offset == first
    elif known is not None and not start.is_new_topic:
        assert start.offset == known


def test_what_is_committed_and_there_is_where_to_go_on() -> None:
    assert start_of(7, first=0, end=9) == Start(7)
    assert start_of(9, first=9, end=9) == Start(9)


def test_what_was_deleted_unread_is_lost() -> None:
    assert start_of(7, first=10, end=20) == Start(10, lost_from=7)


def test_who_has_never_read_has_lost_nothing() -> None:
    assert start_of(None, first=10, end=20) == Start(10)


def test_an_offset_beyond_the_end_is_another_topic_s_and_all_is_read() -> None:
    assert start_of(30, first=10, end=20) == Start(10, is_new_topic=True)


def test_an_offset_of_a_topic_made_anew_says_nothing_however_good_it_looks() -> None:
    assert start_of(15, first=10, end=20, is_same_topic=False) == Start(10, is_new_topic=True)
