"""Whether the arms are alike in size and composition: if not, they differ by more than the variant."""

from collections.abc import Sequence

from consumer.operations.experiments.statistics.distributions import chi_square_p

SUSPICIOUS = 0.001
"""The p-value below which a ratio is suspicious: low, since a sound experiment may be looked at often."""


def sample_ratio_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the p-value of counts given their weights; 1 if there is nothing to compare."""
    total, whole = sum(counts), sum(weights)
    if total == 0 or len(counts) < 2:  # noqa: PLR2004 - a ratio has two sides
        return 1.0
    expected = [total * weight / whole for weight in weights]
    statistic = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return chi_square_p(statistic, len(counts) - 1)


def same_share_p(parts: Sequence[int], wholes: Sequence[int]) -> float:
    """Return the p-value of equal shares in all arms; 1 if there is nothing to compare."""
    share = sum(parts) / sum(wholes) if sum(wholes) else 0.0
    sides = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole]
    if not 0 < share < 1 or len(sides) < 2:  # noqa: PLR2004 - two arms at least
        return 1.0
    statistic = sum((part - whole * share) ** 2 / (whole * share * (1 - share)) for part, whole in sides)
    return chi_square_p(statistic, len(sides) - 1)
