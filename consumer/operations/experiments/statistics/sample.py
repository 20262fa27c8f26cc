"""One arm's figure: number of units, mean and variance."""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_UNITS = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """`n` units with their mean and their variance: the squared standard error is `variance / n`."""

    n: int
    mean: float
    variance: float

    @property
    def squared_error(self) -> float:
        """The variance of the mean."""
        return self.variance / self.n

    @property
    def can_be_compared(self) -> bool:
        """Whether there are enough units to estimate the variance."""
        return self.n >= LEAST_UNITS


NO_SAMPLE = Sample(0, 0.0, 0.0)


def from_sums(n: int, total: float, squares: float) -> Sample:
    """Build a sample from a count, a sum and a sum of squares."""
    if n == 0:
        return NO_SAMPLE
    mean = total / n
    spread = max(squares - total * mean, 0.0)
    return Sample(n, mean, spread / (n - 1) if n > 1 else 0.0)


def from_values(values: Sequence[float]) -> Sample:
    """Build a sample from the values themselves."""
    n = len(values)
    if n == 0:
        return NO_SAMPLE
    mean = sum(values) / n
    spread = sum((value - mean) ** 2 for value in values)
    return Sample(n, mean, spread / (n - 1) if n > 1 else 0.0)


def proportion(successes: int, n: int) -> Sample:
    """Build a sample of a binary property."""
    if n == 0:
        return NO_SAMPLE
    share = successes / n
    return Sample(n, share, share * (1 - share))


def ratio_of_means(n: int, totals: tuple[float, float], products: tuple[float, float, float]) -> Sample:
    """Build the ratio of two figures' means over the same units, such as the cost per success.

    `totals` are the sums of numerator and denominator, `products` those of numerator squared, numerator times
    denominator, denominator squared. Its error is by the delta method, as the two vary together.
    """
    numerator, denominator = totals
    if n == 0 or denominator == 0:
        return NO_SAMPLE
    ratio = numerator / denominator
    of_numerator, of_both, of_denominator = products
    spread = max(of_numerator - 2 * ratio * of_both + ratio**2 * of_denominator, 0.0)
    return Sample(n, ratio, spread / (n - 1) / (denominator / n) ** 2 if n > 1 else 0.0)


def per_assigned(of_posts: Sample, posts: int, ended: int) -> Sample:
    """Build the figure per assigned unit, counting 0 for one without a post, from that of the posts.

    Which posts have a figure yet is independent of the arm, so both shares are estimated separately: the mean is their
    product, its error by the delta method.
    """
    if ended == 0 or of_posts.n == 0:
        return NO_SAMPLE
    share = posts / ended
    squared_error = share**2 * of_posts.squared_error + of_posts.mean**2 * share * (1 - share) / ended
    return Sample(ended, share * of_posts.mean, squared_error * ended)
