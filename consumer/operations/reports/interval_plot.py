"""Intervals side by side as SVG: where a difference may lie, and whether that leaves out none."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW_HEIGHT, TOP, BOTTOM = 640, 30, 6, 26
LEFT, RIGHT = 210, 14
MOST_LABEL_CHARS = 32
FURTHEST = 2.0  # a wider interval runs out of the picture
LEAST_REACH = 0.05
TICKS = 4


@dataclass(frozen=True, slots=True)
class PlottedInterval:
    """One line: the estimate, the wide interval (always valid) and the narrow one within it (one look)."""

    label: str
    estimate: float
    wide: tuple[float, float]
    narrow: tuple[float, float]
    is_shown: bool


def interval_plot(title: str, intervals: Sequence[PlottedInterval], spelled: Callable[[float], str]) -> str:
    """Return the plot; `spelled` writes a value with its unit."""
    reach = _reach(intervals)
    height = TOP + ROW_HEIGHT * len(intervals) + BOTTOM
    rows = "".join(_row(one, TOP + (place + 0.5) * ROW_HEIGHT, reach, spelled) for place, one in enumerate(intervals))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(_axis(height, reach, spelled))}{rows}</svg>"
    )


def _reach(intervals: Sequence[PlottedInterval]) -> float:
    """Return how far the axis goes, in both directions."""
    furthest = max((abs(end) for one in intervals for end in one.wide), default=0.0)
    return min(max(furthest * 1.05, LEAST_REACH), FURTHEST)


def _x(value: float, reach: float) -> float:
    place = (min(max(value, -reach), reach) + reach) / (2 * reach)
    return LEFT + place * (WIDTH - LEFT - RIGHT)


def _axis(height: float, reach: float, spelled: Callable[[float], str]) -> Iterator[str]:
    for step in range(TICKS + 1):
        value = reach * (2 * step / TICKS - 1)
        x, css_class = _x(value, reach), "base" if step * 2 == TICKS else "grid"
        yield f'<line class="{css_class}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>'
        yield f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{escape(spelled(value))}</text>'


def _row(one: PlottedInterval, y: float, reach: float, spelled: Callable[[float], str]) -> str:
    css_class = "interval shown" if one.is_shown else "interval"
    label = one.label if len(one.label) <= MOST_LABEL_CHARS else f"{one.label[: MOST_LABEL_CHARS - 1]}…"
    ends = " … ".join(map(spelled, one.wide))
    return (
        f'<g class="{css_class}"><title>{escape(f"{one.label}: {spelled(one.estimate)}, {ends}")}</title>'
        f'<text x="0" y="{y + 4:.1f}">{escape(label)}</text>'
        f"{_line(one.wide, y, reach, 'wide')}{_line(one.narrow, y, reach, 'narrow')}"
        f'<circle cx="{_x(one.estimate, reach):.1f}" cy="{y:.1f}" r="4"/></g>'
    )


def _line(ends: tuple[float, float], y: float, reach: float, css_class: str) -> str:
    x1, x2 = (_x(end, reach) for end in ends)
    return f'<line class="{css_class}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
