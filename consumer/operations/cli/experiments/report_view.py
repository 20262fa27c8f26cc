"""An analysis in a terminal: the verdict, the arms, the comparisons, and what was left out."""

from collections.abc import Callable, Iterator, Sequence

from rich.table import Table

from consumer.operations.cli.output import people_console, say
from consumer.operations.cli.tables import print_table
from consumer.operations.experiments.analysis import USUAL_TUNING, Analysis, Arm
from consumer.operations.experiments.comparison import Basis, Comparison, Effect, Role
from consumer.operations.experiments.doubts import by_batch, doubts
from consumer.operations.experiments.statistics.interval import Interval
from consumer.operations.experiments.units import Scale
from consumer.operations.experiments.verdict import verdict

Spelled = Callable[[float], str]

UNKNOWN = "–"
MOST_SHARE = 10.0
SMALL = 1.0


def print_report(analysis: Analysis, *, wide: bool) -> None:
    """Print all of it."""
    say(verdict(analysis))
    say("")
    print_table(arms_table(analysis.arms), wide=wide)
    sections = (
        ("Outcomes, with failures as a guardrail", _of_role(analysis, Role.HEADLINE, Role.GUARDRAIL)),
        ("The same outcomes unadjusted, per post and per assigned overlay", _of_role(analysis, Role.BESIDE)),
        ("Properties and costs of the posts (described, not tested)", _of_role(analysis, Role.DESCRIPTION)),
    )
    for title, comparisons in sections:
        if comparisons:
            say("")
            people_console().print(title, style="bold")
            print_table(comparisons_table(comparisons), wide=wide)
    say("")
    for note in notes(analysis):
        say(note)


def arms_table(arms: Sequence[Arm]) -> Table:
    """Return a line for each variant."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for heading in ("share", "tenants", "assigned", "stored", "failed", "under way", "with outcome", "USD per post"):
        table.add_column(heading, justify="right")
    for arm in arms:
        counts = (arm.tenants, arm.assigned, arm.stored, arm.failed, arm.under_way, arm.with_outcome)
        cost = UNKNOWN if arm.cost_per_post_usd is None else f"{arm.cost_per_post_usd:.6f}"
        name = f"{arm.variant} (control)" if arm.is_control else arm.variant
        table.add_row(name, f"{arm.weight:.0%}", *(f"{count:,}" for count in counts), cost)
    return table


def comparisons_table(comparisons: Sequence[Comparison]) -> Table:
    """Return a line per comparison; the p-value of a headline is Holm-corrected and valid for any number of looks."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("metric", "variant"):
        table.add_column(heading, no_wrap=True)
    table.add_column("control", justify="right")
    table.add_column("variant's", justify="right")
    table.add_column("difference", justify="right")
    table.add_column("always valid", justify="right")
    table.add_column("one look", justify="right")
    table.add_column("p", justify="right")
    for one in comparisons:
        table.add_row(
            _metric(one),
            one.variant,
            number(one.control_mean),
            number(one.variant_mean),
            *_effect_cells(one),
        )
    return table


def notes(analysis: Analysis) -> Iterator[str]:
    """Yield notes on how to read the figures."""
    experiment, left_out = analysis.figures.experiment, analysis.figures.left_out
    yield f"Units are {experiment.unit}s. Always valid intervals are narrowest at {analysis.tuning:,.0f} of them."
    if analysis.tuning != USUAL_TUNING[experiment.unit]:
        yield "That number (--tuning) is not stored: it is valid if it was chosen before the first look."
    if shares := by_batch(analysis):
        yield shares
    for doubt in doubts(analysis):
        yield f"WARNING: {doubt}"
    for one in analysis.headlines:
        if one.adjusted_for_earlier_mean is not None:
            yield (
                f"{one.metric} of {one.variant}: the tenants' earlier means explain "
                f"{one.adjusted_for_earlier_mean:.0%} of the variance, and are adjusted for (CUPED)."
            )
        if one.needed:
            yield (
                f"{one.metric} of {one.variant}: to find {analysis.minimal_effect:.0%} in four of five cases takes "
                f"{_count(one.needed.fixed_horizon)} {experiment.unit}s with one look at the end, "
                f"{_count(one.needed.always_valid)} looking as often as one likes."
            )
    if left_out.more_than_one_arm or left_out.restored_by_hand:
        yield (
            f"Left out: {left_out.more_than_one_arm:,} overlays with more than one variant, "
            f"{left_out.restored_by_hand:,} with a revision restored by hand."
        )
    if analysis.figures.mature is not None:
        yield (
            f"Without outcomes yet: {left_out.too_young:,} posts that are too young, "
            f"{left_out.published_when_unknown:,} without a time of publication."
        )


def number(value: float) -> str:
    """Format a mean with as many digits as its size needs."""
    return f"{value:,.1f}" if abs(value) >= SMALL or value == 0 else f"{value:.4g}"


def percent(share: float) -> str:
    """Format a relative difference."""
    return f"{share:+.1%}" if abs(share) < MOST_SHARE else f"{share:+,.0%}"


def _of_role(analysis: Analysis, *roles: Role) -> list[Comparison]:
    return [one for one in analysis.comparisons if one.role in roles]


def _metric(one: Comparison) -> str:
    basis = ", per assigned" if one.basis is Basis.ASSIGNED and one.role is Role.BESIDE else ""
    scale = " (log)" if one.scale is Scale.LOG else ""
    return f"{one.metric}{scale}{basis}"


def _effect_cells(one: Comparison) -> tuple[str, str, str, str]:
    """Return the relative difference, or the absolute one for shares and if there is no relative one."""
    if one.relative is not None and one.role is not Role.GUARDRAIL:
        return _cells(one, one.relative, percent)
    if one.absolute is not None:
        return _cells(one, one.absolute, lambda value: f"{value:+.4g}")
    return (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def _cells(one: Comparison, effect: Effect, spelled: Spelled) -> tuple[str, str, str, str]:
    p_value = effect.always_valid.p_value if one.holm_always_valid_p is None else one.holm_always_valid_p
    return (
        spelled(effect.estimate),
        _range(effect.always_valid, spelled),
        _range(effect.fixed_horizon, spelled),
        f"{p_value:.3f}",
    )


def _range(interval: Interval, spelled: Spelled) -> str:
    return f"{spelled(interval.low)} … {spelled(interval.high)}"


def _count(units: int | None) -> str:
    return "more than are available" if units is None else f"{units:,}"
