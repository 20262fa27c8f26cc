"""The distributions used by the comparisons."""

from scipy import special

ALPHA = 0.05
"""The significance level: how often a difference may be claimed if there is none."""


def t_two_sided_p(statistic: float, dof: float) -> float:
    """Return the two-sided p-value of Student's t."""
    return float(2 * special.stdtr(dof, -abs(statistic)))


def t_quantile(probability: float, dof: float) -> float:
    """Return the quantile of Student's t."""
    return float(special.stdtrit(dof, probability))


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    return float(special.ndtri(probability))


def chi_square_p(statistic: float, dof: int) -> float:
    """Return the upper tail probability of chi-square."""
    return float(special.chdtrc(dof, statistic))
