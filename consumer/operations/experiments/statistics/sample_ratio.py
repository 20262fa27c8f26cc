"""Whether the arms have the sizes they were to have: if not, what is compared is not alike."""

from collections.abc import Sequence

from consumer.operations.experiments.statistics.distributions import chi_square_p

SUSPICIOUS = 0.001
"""Below it a ratio is no chance: an honest experiment that is looked at often should hardly ever be suspected."""


def sample_ratio_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return how likely counts so far from their weights are by chance; 1 where there is nothing to compare."""
    total, whole = sum(counts), sum(weights)
    if total == 0 or len(counts) < 2:  # noqa: PLR2004 - a ratio has two sides
        return 1.0
    expected = [total * weight / whole for weight in weights]
    statistic = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return chi_square_p(statistic, len(counts) - 1)
