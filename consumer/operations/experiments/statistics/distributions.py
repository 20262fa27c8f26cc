"""The distributions that the comparisons lean on, by the names people know them by."""

from scipy import special

ALPHA = 0.05
"""How often a difference may be claimed where there is none."""


def t_two_sided_p(statistic: float, dof: float) -> float:
    """Return how likely a value of Student's t is that is as far from 0, in either direction."""
    return float(2 * special.stdtr(dof, -abs(statistic)))


def t_quantile(probability: float, dof: float) -> float:
    """Return the value of Student's t that is not exceeded with this probability."""
    return float(special.stdtrit(dof, probability))


def normal_quantile(probability: float) -> float:
    """Return the value of the standard normal that is not exceeded with this probability."""
    return float(special.ndtri(probability))


def chi_square_p(statistic: float, dof: int) -> float:
    """Return how likely a value of chi-square is that is as large or larger."""
    return float(special.chdtrc(dof, statistic))
