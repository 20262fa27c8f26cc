import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measuring import NoWindow, Sample, WindowRules, longest_gap, medians, percentile, rates

RULES = WindowRules(warm_up=100, last=1_000, longest_s=10)


def at(at_s: float, completed: int) -> Sample:
    return Sample(at_s, completed, program_cpu_s=at_s / 2, postgres_cpu_s=at_s / 4, machine_busy_s=at_s)


def test_the_window_begins_after_the_warm_up_and_ends_before_the_backlog_runs_dry() -> None:
    samples = [at(0, 0), at(1, 90), at(2, 150), at(3, 700), at(4, 980), at(5, 1_100)]
    first, last = RULES.window(samples)
    assert (first.completed, last.completed) == (150, 980)


def test_the_window_is_no_longer_than_allowed() -> None:
    samples = [at(second, 100 + second) for second in range(30)]
    first, last = RULES.window(samples)
    assert last.at_s - first.at_s == 10


def test_both_ends_of_the_window_are_where_completions_have_just_come_in() -> None:
    bursts = [at(tenth / 10, 100 * (tenth // 10)) for tenth in range(5, 60)]
    first, last = RULES.window(bursts)
    assert (first.at_s, last.at_s) == (1, 5)


def test_the_window_is_whole_rounds_so_that_half_a_burst_at_its_end_does_not_count() -> None:
    samples = [at(1, 100), at(2, 150), at(3, 203), at(3.5, 210)]
    first, last = WindowRules(warm_up=100, last=1_000, longest_s=10, round_size=50).window(samples)
    assert (first.completed, last.completed) == (100, 203)
    with pytest.raises(NoWindow, match="less than a round of 500"):
        WindowRules(warm_up=100, last=1_000, longest_s=10, round_size=500).window(samples)


@pytest.mark.parametrize(
    ("samples", "is_over"),
    [
        ([at(0, 0)], False),
        ([at(0, 0), at(50, 99)], False),
        ([at(0, 100), at(9, 500)], False),
        ([at(0, 100), at(10, 500)], True),
        ([at(0, 100), at(1, 1_000)], True),
    ],
)
def test_sampling_ends_when_no_later_sample_can_count(samples: list[Sample], *, is_over: bool) -> None:
    assert RULES.is_over(samples) is is_over


@pytest.mark.parametrize("samples", [[at(0, 0), at(1, 99)], [at(0, 150), at(1, 150)], [at(0, 99), at(1, 1_001)]])
def test_a_run_without_progress_in_the_window_gives_no_figures(samples: list[Sample]) -> None:
    with pytest.raises(NoWindow):
        RULES.window(samples)


def test_rates_are_shares_of_what_happened_in_the_window() -> None:
    first = Sample(10, 200, program_cpu_s=1, postgres_cpu_s=3, machine_busy_s=100)
    last = Sample(14, 1_200, program_cpu_s=2, postgres_cpu_s=3.5, machine_busy_s=106)
    assert rates(first, last, cores=2) == {
        "events_per_s": 250,
        "cpu_ms_per_event": 1,
        "postgres_cpu_ms_per_event": 0.5,
        "core_used_percent": 25,
        "machine_busy_percent": 75,
        "measured_events": 1_000,
        "measured_s": 4,
    }


def test_medians_are_taken_figure_by_figure() -> None:
    assert medians([{"a": 1, "b": 9}, {"a": 5, "b": 7}, {"a": 3, "b": 8}]) == {"a": 3, "b": 8}


def test_percentiles_of_a_hundred_values_are_the_values_themselves() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (0, 1, 50, 95, 99, 100)] == [1, 1, 50, 95, 99, 100]


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.floats(min_value=0, max_value=100))
def test_at_least_the_percent_of_values_do_not_exceed_their_percentile(values: list[float], percent: float) -> None:
    reached = percentile(values, percent)
    assert reached in values
    assert sum(value <= reached for value in values) / len(values) >= percent / 100 - 1e-9


def test_the_longest_gap_is_found_in_any_order() -> None:
    assert longest_gap([7.0, 1.0, 2.5]) == 4.5


def test_no_figure_is_made_up_from_nothing() -> None:
    with pytest.raises(NoWindow):
        percentile([], 50)
    with pytest.raises(NoWindow):
        longest_gap([1.0])
