"""Charts as SVG inside HTML: stacked columns and lines over time.

Colours are classes of the page's style. Texts come from shops and models: every one is escaped here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from consumer.operations.reports.scale import ticks

WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 10, 26
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_LABELS = 7
HALF_A_LABEL = 34
LARGEST_GAP = 6.0
POINT_RADIUS = 2.2
LEAST_HEIGHT = 3.0  # of what must be seen beside a thousand times as much
IN_PART = "not whole"


@dataclass(frozen=True, slots=True)
class Series:
    """One colour: a name, its CSS class and a value for each place on the x axis (None: nothing known).

    `always_seen`: a column is drawn however small its value is beside the others.
    """

    name: str
    css_class: str
    values: Sequence[float | None]
    always_seen: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows. `spelled` writes a value with its unit; `whole`: values are counts.

    `in_part`: the places whose time the report covers in part, as the first and the last day often are.
    """

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    spelled: Callable[[float], str]
    whole: bool = False
    in_part: frozenset[int] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for series in self.series for value in series.values)


def stacked_columns(chart: Chart) -> str:
    """Draw columns, the series on top of each other."""
    sums = [sum(filter(None, values)) for values in zip(*(one.values for one in chart.series), strict=True)]
    axis = ticks(max(sums), whole=chart.whole)
    slot = PLOT_WIDTH / len(chart.labels)
    gap = min(LARGEST_GAP, slot * 0.25)
    columns = "".join(
        _column(chart, place, x=LEFT + place * slot + gap / 2, width=slot - gap, highest=axis[-1])
        for place in range(len(chart.labels))
    )
    return _svg(chart, axis, columns)


def lines(chart: Chart) -> str:
    """Draw one line for each series, broken where nothing is known."""
    known = [value for series in chart.series for value in series.values if value is not None]
    axis = ticks(max(known))
    slot = PLOT_WIDTH / len(chart.labels)
    drawn = "".join(
        _line(series.css_class, [(LEFT + (place + 0.5) * slot, _y(value, axis[-1])) for place, value in run])
        for series in chart.series
        for run in _runs(series.values)
    )
    return _svg(chart, axis, drawn)


def legend(chart: Chart) -> str:
    """Return the names of the series with their colours."""
    items = "".join(
        f'<li><span class="key {series.css_class}"></span>{escape(series.name)}</li>' for series in chart.series
    )
    if chart.in_part:
        items += f'<li><span class="key rest part"></span>pale: {IN_PART}</li>'
    return f'<ul class="legend">{items}</ul>'


def _svg(chart: Chart, axis: Sequence[float], drawn: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">'
        f"{_y_axis(chart, axis)}{drawn}{_x_axis(chart.labels)}{_tips(chart)}</svg>"
    )


def _y(value: float, highest: float) -> float:
    return TOP + PLOT_HEIGHT * (1 - value / highest)


def _y_axis(chart: Chart, axis: Sequence[float]) -> str:
    return "".join(
        f'<line class="{"grid" if value else "base"}" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
        f'y1="{_y(value, axis[-1]):.1f}" y2="{_y(value, axis[-1]):.1f}"/>'
        f'<text x="{LEFT - 8}" y="{_y(value, axis[-1]) + 4:.1f}" text-anchor="end">'
        f"{escape(chart.spelled(value))}</text>"
        for value in axis
    )


def _x_axis(labels: Sequence[str]) -> str:
    slot, every = PLOT_WIDTH / len(labels), -(-len(labels) // MOST_LABELS)
    places = [(LEFT + (place + 0.5) * slot, label) for place, label in enumerate(labels)][every // 2 :: every]
    return "".join(
        f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>'
        for x, label in places
        if x <= WIDTH - HALF_A_LABEL
    )


def _column(chart: Chart, place: int, *, x: float, width: float, highest: float) -> str:
    drawn, below, pale = [], 0.0, " part" if place in chart.in_part else ""
    for series in chart.series:
        value = series.values[place] or 0
        top, bottom = _y(below + value, highest), _y(below, highest)
        # a hairline of background tells the parts apart
        height = max(bottom - top - (1 if below else 0), LEAST_HEIGHT if series.always_seen else 0)
        top = max(min(top, bottom - height), TOP)
        if value:
            drawn.append(
                f'<rect class="{series.css_class}{pale}" x="{x:.1f}" y="{top:.1f}" '
                f'width="{width:.1f}" height="{height:.1f}"/>'
            )
        below += value
    return "".join(drawn)


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """Return the stretches without a gap, as places and values."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(css_class: str, points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        [(x, y)] = points
        return f'<circle class="{css_class}" cx="{x:.1f}" cy="{y:.1f}" r="{POINT_RADIUS}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {css_class}" points="{path}"/>'


def _tips(chart: Chart) -> str:
    """Lay over each place on the x axis its values, to read when the pointer rests there."""
    slot = PLOT_WIDTH / len(chart.labels)
    return "".join(
        f'<rect class="tip" x="{LEFT + place * slot:.1f}" y="{TOP}" width="{slot:.1f}" height="{PLOT_HEIGHT}">'
        f"<title>{escape(_told(chart, place))}</title></rect>"
        for place in range(len(chart.labels))
    )


def _told(chart: Chart, place: int) -> str:
    values = [(series.name, series.values[place]) for series in chart.series]
    told = f"{chart.labels[place]}, {IN_PART}" if place in chart.in_part else chart.labels[place]
    return "\n".join([told, *(f"{name}: {chart.spelled(value)}" for name, value in values if value)])
