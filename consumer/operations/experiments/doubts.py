"""What speaks against comparing the arms at all, in sentences: they differ by more than the variant. Pure."""

from collections.abc import Iterator

from consumer.operations.experiments.analysis import Analysis
from schemas.experiments import AssignmentUnit


def doubts(analysis: Analysis) -> Iterator[str]:
    """Give a sentence for each sample ratio that chance hardly makes, and for shares by batch that are so far apart."""
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
    """Return how many posts of each arm came by batch; None where none did."""
    share = analysis.batch_share
    if not any(share.counts.values()):
        return None
    parts = ", ".join(f"{name} {count:,} of {share.stored[name]:,}" for name, count in share.counts.items())
    return f"By batch: {parts} {_counted(analysis)}."


def _counted(analysis: Analysis) -> str:
    return "posts" if analysis.figures.experiment.unit is AssignmentUnit.OVERLAY else "tenants with posts"
