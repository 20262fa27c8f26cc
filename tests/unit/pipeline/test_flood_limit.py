import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.flood_limit import IGNORED, INVALID, RATIO_WINDOW_RECORDS, Flood, FloodLimit

PATIENT = FloodLimit(INVALID, max_run=10**9, max_ratio=1.0)


def trips(limit: FloodLimit, *polls: list[bool]) -> bool:
    try:
        for poll in polls:
            limit = limit.after(poll)
    except Flood:
        return True
    return False


@given(st.integers(1, 50), st.lists(st.integers(1, 10), max_size=20))
def test_it_trips_on_the_first_invalid_record_beyond_the_run_however_the_polls_cut_it(
    max_run: int, poll_sizes: list[int]
) -> None:
    invalid_records = sum(poll_sizes)
    limit = FloodLimit(INVALID, max_run=max_run, max_ratio=1.0)
    assert trips(limit, *([False] * size for size in poll_sizes)) == (invalid_records > max_run)


@given(st.integers(1, 20), st.lists(st.booleans(), max_size=200))
def test_a_valid_record_ends_a_run(max_run: int, records: list[bool]) -> None:
    limit = FloodLimit(INVALID, max_run=max_run, max_ratio=1.0)
    longest = max((len(run) for run in "".join("v" if valid else "x" for valid in records).split("v")), default=0)
    assert trips(limit, records) == (longest > max_run)


def test_the_share_counts_only_once_a_whole_window_has_been_seen() -> None:
    limit = FloodLimit(INVALID, max_run=10**9, max_ratio=0.5)
    mostly_invalid = [False, False, True] * (RATIO_WINDOW_RECORDS // 3)
    assert not trips(limit, mostly_invalid)
    assert trips(limit, mostly_invalid, [True])


def test_a_share_at_the_limit_is_not_beyond_it() -> None:
    limit = FloodLimit(INVALID, max_run=10**9, max_ratio=0.5)
    half = [False, True] * (RATIO_WINDOW_RECORDS // 2)
    assert not trips(limit, half)
    assert trips(limit, half, [False, False])


def test_old_records_leave_the_window() -> None:
    limit = FloodLimit(INVALID, max_run=10**9, max_ratio=0.5)
    half, valid = [False, True] * (RATIO_WINDOW_RECORDS // 2), [True] * RATIO_WINDOW_RECORDS
    assert not trips(limit, half, valid, half)


def test_a_share_of_one_never_trips() -> None:
    assert not trips(PATIENT, [False] * 3 * RATIO_WINDOW_RECORDS)


def test_a_refused_poll_leaves_the_limit_as_it_was() -> None:
    limit = FloodLimit(INVALID, max_run=2, max_ratio=1.0)
    with pytest.raises(Flood, match="DEAD_LETTER_MAX_RUN"):
        limit.after([False] * 3)
    assert limit.after([False]).run == 1


def test_a_flood_of_other_types_names_its_own_settings() -> None:
    with pytest.raises(Flood, match=r"of other event types \(IGNORED_MAX_RUN\).*OVERLAY_EVENT_TYPES"):
        FloodLimit(IGNORED, max_run=1, max_ratio=1.0).after([False] * 2)
