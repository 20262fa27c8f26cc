"""Experiments on the page: every text escaped, intervals within the picture, and no SciPy no figures."""

import math
import sys

import pytest

from consumer.operations.reports.experiment_section import experiment_sections
from consumer.operations.reports.interval_plot import LEFT, RIGHT, WIDTH, PlottedInterval, interval_plot
from tests.support.experiments import counts, experiment, figures, spent, sums

HOSTILE = "<b>&likes</b>"


def percent(value: float) -> str:
    return f"{value:+.0%}"


def plotted(*, wide: tuple[float, float] = (-0.1, 0.3), is_shown: bool = False) -> PlottedInterval:
    return PlottedInterval(label=HOSTILE, estimate=0.1, wide=wide, narrow=(0.0, 0.2), is_shown=is_shown)


def test_a_plot_escapes_its_texts_and_marks_what_is_shown() -> None:
    drawn = interval_plot("<title>", [plotted(), plotted(is_shown=True)], percent)
    assert "<b>" not in drawn
    assert drawn.count('class="interval"') == drawn.count('class="interval shown"') == 1


@pytest.mark.parametrize("wide", [(-math.inf, math.inf), (-5.0, 900.0), (0.0, 0.0)])
def test_however_wide_an_interval_it_stays_in_the_picture(wide: tuple[float, float]) -> None:
    drawn = interval_plot("likes", [plotted(wide=wide)], lambda value: f"{value:.1f}")
    places = [float(part.partition('"')[0]) for part in drawn.split(' x2="')[1:]]
    assert all(LEFT <= place <= WIDTH - RIGHT for place in places)


def test_an_experiment_has_a_verdict_a_plot_and_its_arms() -> None:
    values = [float(value) for value in range(10, 30)]
    read = figures(
        experiment("plain", "warm"),
        counts=[counts("plain", 20), counts("warm", 20)],
        outcomes=[sums("plain", "likes", values), sums("warm", "likes", values)],
    )
    page = experiment_sections([read])
    assert "Experiment tone (running)" in page
    assert "No difference is shown so far" in page
    assert "<svg" in page
    assert "plain (control)" in page


def test_what_a_post_costs_is_plotted_with_its_interval() -> None:
    spending = [spent("plain", decided=1000, stored=1000), spent("warm", decided=1000, stored=800)]
    page = experiment_sections([figures(experiment("plain", "warm"), spending=spending)])
    assert "cost_per_post_usd, warm" in page


@pytest.mark.parametrize(("of_warm", "warned"), [(110, False), (190, True)])
def test_posts_by_batch_are_counted_and_warned_of_where_the_shares_differ(of_warm: int, *, warned: bool) -> None:
    both = [counts("plain", 500, by_batch=100), counts("warm", 500, by_batch=of_warm)]
    page = experiment_sections([figures(experiment("plain", "warm"), counts=both)])
    assert '<th scope="col">by batch</th>' in page
    assert f"<td>{of_warm}</td>" in page
    assert ("Warning: the variants differ in how many posts came by batch" in page) is warned


def test_arms_that_are_not_as_large_as_planned_are_warned_of_with_their_names_escaped() -> None:
    both = [counts("plain", 500), counts(HOSTILE, 900)]
    page = experiment_sections([figures(experiment("plain", HOSTILE), counts=both)])
    assert "Warning: sample ratio of what is assigned: plain 500, &lt;b&gt;&amp;likes&lt;/b&gt; 900 (p " in page
    assert "<b>" not in page


def test_without_experiments_there_is_no_section() -> None:
    assert experiment_sections([]) == ""


def test_without_scipy_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("consumer.operations.experiments")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    page = experiment_sections([figures(experiment("plain", "warm"))])
    assert "pip install &#x27;instagram-feed-consumer[experiments]&#x27;" in page
