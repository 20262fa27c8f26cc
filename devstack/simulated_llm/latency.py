"""How long the simulated model thinks: a constant, or a lognormal with a long tail."""

from dataclasses import dataclass
from math import exp
from statistics import NormalDist

_ONE_DAY_S = 86_400
_STANDARD_NORMAL = NormalDist()
SPELLING = "constant:SECONDS or lognormal:MEDIAN_S:SIGMA"


@dataclass(frozen=True, slots=True)
class ConstantLatency:
    """Every call takes ``seconds``."""

    seconds: float

    def at(self, _quantile: float) -> float:
        """Return the latency in seconds."""
        return self.seconds

    def __str__(self) -> str:
        """Return the spelling that ``parse_latency`` reads."""
        return f"constant:{self.seconds:g}"


@dataclass(frozen=True, slots=True)
class LognormalLatency:
    """Half the calls take less than ``median_s``; ``sigma`` sets the length of the tail."""

    median_s: float
    sigma: float

    def at(self, quantile: float) -> float:
        """Return the latency in seconds at a quantile between 0 and 1, both excluded."""
        return self.median_s * exp(self.sigma * _STANDARD_NORMAL.inv_cdf(quantile))

    def __str__(self) -> str:
        """Return the spelling that ``parse_latency`` reads."""
        return f"lognormal:{self.median_s:g}:{self.sigma:g}"


Latency = ConstantLatency | LognormalLatency


def parse_latency(text: str) -> Latency:
    """Read ``constant:0.2`` or ``lognormal:0.8:0.4``; raise ValueError for anything else."""
    kind, *figures = text.split(":")
    try:
        numbers = [float(figure) for figure in figures]
    except ValueError:
        numbers = []
    if any(not 0 <= number <= _ONE_DAY_S for number in numbers):
        numbers = []
    match kind, numbers:
        case "constant", [seconds]:
            return ConstantLatency(seconds)
        case "lognormal", [median_s, sigma]:
            return LognormalLatency(median_s, sigma)
    message = f"latency {text!r} is not {SPELLING}"
    raise ValueError(message)
