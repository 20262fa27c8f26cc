"""CUPED: reducing variance by what was known of a unit before (Deng and others, 2013).

The covariate is the tenant's earlier mean: likes depend mostly on the shop, hardly on the post.
"""

from dataclasses import dataclass

from consumer.operations.experiments.statistics.sample import Sample, from_sums


@dataclass(frozen=True, slots=True)
class PairedSums:
    """Sums over an arm's units of the figure y and the covariate x."""

    n: int
    y: float
    yy: float
    x: float
    xx: float
    xy: float

    @property
    def sample(self) -> Sample:
        """The unadjusted figure."""
        return from_sums(self.n, self.y, self.yy)

    def __add__(self, other: "PairedSums") -> "PairedSums":
        return PairedSums(
            self.n + other.n,
            self.y + other.y,
            self.yy + other.yy,
            self.x + other.x,
            self.xx + other.xx,
            self.xy + other.xy,
        )


NO_SUMS = PairedSums(0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Two adjusted arms; `explained` is the share of the variance that was removed."""

    control: Sample
    arm: Sample
    explained: float


def adjusted(control: PairedSums, arm: PairedSums) -> Adjusted | None:
    """Return both arms adjusted; None if nothing was known of them."""
    spread = sum(_within(one.n, one.x, one.xx, one.x) for one in (control, arm))
    units = control.n + arm.n
    if control.n < 3 or arm.n < 3 or spread <= 1e-12 * (control.xx + arm.xx):  # noqa: PLR2004 - a slope needs them
        return None
    slope = sum(_within(one.n, one.x, one.xy, one.y) for one in (control, arm)) / spread
    known_mean = (control.x + arm.x) / units
    before = sum(_within(one.n, one.y, one.yy, one.y) for one in (control, arm))
    samples = [_adjusted(one, slope, known_mean) for one in (control, arm)]
    after = sum(one.variance * (one.n - 1) for one in samples)
    return Adjusted(samples[0], samples[1], 1 - after / before if before > 0 else 0.0)


def _adjusted(sums: PairedSums, slope: float, known_mean: float) -> Sample:
    mean = (sums.y - slope * (sums.x - sums.n * known_mean)) / sums.n
    spread = (
        _within(sums.n, sums.y, sums.yy, sums.y)
        - 2 * slope * _within(sums.n, sums.x, sums.xy, sums.y)
        + slope**2 * _within(sums.n, sums.x, sums.xx, sums.x)
    )
    return Sample(sums.n, mean, max(spread, 0.0) / (sums.n - 1))


def _within(n: int, x: float, products: float, y: float) -> float:
    """Return the sum of products of deviations from the means."""
    return products - x * y / n if n else 0.0
