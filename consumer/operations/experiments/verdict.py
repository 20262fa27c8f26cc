"""The verdict on an experiment, in one plain sentence. Pure."""

from consumer.operations.experiments.analysis import Analysis, SampleRatio
from consumer.operations.experiments.comparison import Comparison, Effect
from schemas.experiments import AssignmentUnit

LEVELS = {"assigned": "were assigned", "stored": "have a post", "with_outcome": "have outcomes"}


def verdict(analysis: Analysis) -> str:
    """Return the sentence, which claims only what holds for any number of looks."""
    suspicious = [ratio for ratio in analysis.sample_ratios if ratio.is_suspicious]
    parts = _worse(analysis)
    parts += [_cannot_be_compared(analysis, suspicious[0])] if suspicious else _shown(analysis)
    said = "; ".join(parts) or _nothing_shown(analysis)
    return f"{said[0].upper()}{said[1:]}."


def _worse(analysis: Analysis) -> list[str]:
    return [
        f'"{one.variant}" fails more often than "{control_name(analysis)}" '
        f"({one.variant_mean:.1%} and "
        f"{one.control_mean:.1%} of the overlays have no post)"
        for one in analysis.guardrails
        if one.absolute and one.absolute.always_valid.low > 0
    ]


def _cannot_be_compared(analysis: Analysis, ratio: SampleRatio) -> str:
    total = sum(ratio.counts.values())
    expected = {arm.variant: total * arm.weight for arm in analysis.arms}
    far = max(expected, key=lambda name: abs(ratio.counts[name] - expected[name]))
    return (
        f"the variants cannot be compared, since of {total:,} {analysis.figures.experiment.unit}s that "
        f'{LEVELS[ratio.level]} {ratio.counts[far]:,} are of "{far}", where {expected[far]:,.0f} were to be expected'
    )


def _shown(analysis: Analysis) -> list[str]:
    return [
        f'"{one.variant}" has {abs(one.relative.estimate):.1%} {_more_or_less(one.relative)} '
        f'{one.metric} than "{control_name(analysis)}" ({_range(one.relative)}, however often one looks)'
        for one in analysis.headlines
        if one.relative and one.is_shown
    ]


def _nothing_shown(analysis: Analysis) -> str:
    known = [one for one in analysis.headlines if one.relative]
    if not known:
        return "nothing can be said yet: too few posts of the experiment have outcomes"
    closest = min(known, key=lambda one: one.holm_always_valid_p or 0)
    return "no difference is shown so far" + _open_question(closest) + _needed(analysis, closest)


def _open_question(one: Comparison) -> str:
    """Describe the largest possible difference, for the comparison closest to significance."""
    return f': {one.metric} of "{one.variant}" differ by something {_range(one.relative)}' if one.relative else ""


def _needed(analysis: Analysis, one: Comparison) -> str:
    if one.needed is None or one.needed.always_valid is None:
        return ""
    units = "posts" if analysis.figures.experiment.unit == AssignmentUnit.OVERLAY else "tenants"
    return (
        f"; to find a difference of {analysis.minimal_effect:.0%} it takes about {one.needed.always_valid:,} {units} "
        f"with outcomes, and there are {one.control_units + one.variant_units:,}"
    )


def control_name(analysis: Analysis) -> str:
    """Return the name of the control."""
    return analysis.figures.experiment.variants[0].variant


def _more_or_less(effect: Effect) -> str:
    return "more" if effect.estimate > 0 else "less"


def _range(effect: Effect) -> str:
    interval = effect.always_valid
    return f"between {_signed(interval.low)} and {_signed(interval.high)}"


def _signed(share: float) -> str:
    return f"{share:+.1%}" if abs(share) < 10 else f"{share:+.0%}"  # noqa: PLR2004 - significant digits
