"""The sections of a page about experiments: the verdict, where the differences may lie, and the arms."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from consumer.operations.experiments.figures import ExperimentFigures
from consumer.operations.reports.interval_plot import PlottedInterval, interval_plot
from consumer.operations.reports.markup import cell, section, table

if TYPE_CHECKING:
    from consumer.operations.experiments.analysis import Analysis, Arm

HOW_TO_INSTALL = "The comparison needs SciPy: pip install 'instagram-feed-consumer[experiments]'"
HEADINGS = ("variant", "share", "tenants", "assigned", "stored", "by batch", "failed", "with outcome", "USD per post")
ABOUT_THE_PLOT = (
    "Relative to the control. Thin: where the difference lies in 95% of cases however often one looks; "
    "thick: the same for a single look. In colour: shown, after correction for all that was tested (costs are not)."
)


def experiment_sections(experiments: Sequence[ExperimentFigures]) -> str:
    """Return a section for each experiment."""
    if not experiments:
        return ""
    try:
        from consumer.operations.experiments.analysis import analyse  # noqa: PLC0415 - SciPy is an extra
    except ModuleNotFoundError:
        return section("Experiments", f'<p class="empty">{escape(HOW_TO_INSTALL)}</p>')
    return "".join(_section(analyse(figures)) for figures in experiments)


def _section(analysis: "Analysis") -> str:
    from consumer.operations.experiments.doubts import doubts  # noqa: PLC0415 - the same
    from consumer.operations.experiments.verdict import verdict  # noqa: PLC0415 - the same

    experiment = analysis.figures.experiment
    warnings = "".join(f'<p class="warning">Warning: {escape(doubt)}</p>' for doubt in doubts(analysis))
    arms = table(HEADINGS, list(map(_row, analysis.arms)))
    content = f"<p>{escape(verdict(analysis))}</p>{warnings}{_plot(analysis)}{arms}"
    return section(f"Experiment {experiment.name} ({experiment.state})", content)


def _plot(analysis: "Analysis") -> str:
    intervals = [
        PlottedInterval(
            label=f"{one.metric}, {one.variant}",
            estimate=one.relative.estimate,
            wide=(one.relative.always_valid.low, one.relative.always_valid.high),
            narrow=(one.relative.fixed_horizon.low, one.relative.fixed_horizon.high),
            is_shown=one.is_shown,
        )
        for one in (*analysis.headlines, *analysis.costs_per_post)
        if one.relative
    ]
    if not intervals:
        return ""
    title = f"Differences from {analysis.figures.experiment.variants[0].variant}"
    return f'{interval_plot(title, intervals, _percent)}<p class="note">{escape(ABOUT_THE_PLOT)}</p>'


def _percent(share: float) -> str:
    return f"{share:+.0%}"


def _row(arm: "Arm") -> Sequence[str]:
    counts = (arm.tenants, arm.assigned, arm.stored, arm.by_batch, arm.failed, arm.with_outcome)
    cost = "–" if arm.cost_per_post_usd is None else f"${arm.cost_per_post_usd:.6f}"
    name = f"{arm.variant} (control)" if arm.is_control else arm.variant
    return (escape(name), cell(f"{arm.weight:.0%}"), *(cell(f"{count:,}") for count in counts), cell(cost))
