"""Axes that end in round numbers, and figures short enough to stand beside them."""

from math import floor, log10

TICKS = 4
_ROUND_STEPS = (1, 2, 2.5, 5, 10)
_CENT = 0.01
MS_IN_A_SECOND = 1_000
_SHORT = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def ticks(highest: float, *, whole: bool = False) -> list[float]:
    """Round numbers from 0 to `highest` or just beyond, about four steps; `whole` numbers of things if asked."""
    wanted = max(highest, 1 if whole else 1e-6) / TICKS
    magnitude = 10.0 ** floor(log10(wanted))
    step = next(step * magnitude for step in _ROUND_STEPS if step * magnitude >= wanted * (1 - 1e-9))
    if whole:
        step = max(1.0, float(round(step)))
    count = 1
    while count * step < highest * (1 - 1e-9):
        count += 1
    return [round(number * step, 9) for number in range(count + 1)]


def short(value: float) -> str:
    """Return a figure in three digits or so: 950, 1.2k, 3.4M."""
    for size, letter in _SHORT:
        if value >= size:
            return f"{_trimmed(value / size)}{letter}"
    return _trimmed(value)


def usd(value: float) -> str:
    """Return an amount for an axis: as many decimals as it needs."""
    return f"${short(value)}" if value == 0 or value >= _CENT else f"${value:.6f}".rstrip("0")


def milliseconds(value: float) -> str:
    """Return a duration for an axis."""
    return f"{_trimmed(value / MS_IN_A_SECOND)} s" if value >= MS_IN_A_SECOND else f"{_trimmed(value)} ms"


def _trimmed(value: float) -> str:
    """Format three digits, without zeros at the end."""
    return f"{float(f'{value:.3g}'):g}"
