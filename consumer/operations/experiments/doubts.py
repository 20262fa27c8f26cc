"""Reasons not to compare the arms at all: they differ by more than the variant. Pure."""

from collections.abc import Iterator

from consumer.operations.experiments.analysis import Analysis
from schemas.experiments import AssignmentUnit


def doubts(analysis: Analysis) -> Iterator[str]:
    """Yield a sentence for each suspicious sample ratio, and for suspicious shares by batch."""
    for ratio in analysis.sample_ratios:
        if ratio.is_suspicious:
            sizes = ", ".join(f"{name} {count:,}" for name, count in ratio.counts.items())
            yield f"sample ratio of what is {ratio.level.replace('_', ' ')}: {sizes} (p {ratio.p_value:.2g})"
    share = analysis.batch_share
    if share.is_suspicious:
        yield (
            f"the variants differ in how many {_counted(analysis)} came by batch (p {share.p_value:.2g}): "
            "what they differ in may come from there."
        )


def by_batch(analysis: Analysis) -> str | None:
    """Describe how many posts of each arm came from batches; None if none did."""
    share = analysis.batch_share
    if not any(share.counts.values()):
        return None
    parts = ", ".join(f"{name} {count:,} of {share.stored[name]:,}" for name, count in share.counts.items())
    return f"By batch: {parts} {_counted(analysis)}."


def _counted(analysis: Analysis) -> str:
    return "posts" if analysis.figures.experiment.unit is AssignmentUnit.OVERLAY else "tenants with posts"
