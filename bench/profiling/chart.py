"""The profile as a picture and as a Markdown table."""

from collections.abc import Mapping
from html import escape

ROW_HEIGHT = 26
LABEL_WIDTH = 290
BAR_WIDTH = 330
WIDTH = LABEL_WIDTH + BAR_WIDTH + 90
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.bar{fill:#3b82c4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#5aa2e0}}"
)


def bar_chart(title: str, microseconds: Mapping[str, float]) -> str:
    """An SVG with one bar for each step; readable on light and dark pages."""
    longest = max(microseconds.values())
    rows = [
        _row(step, value, top=ROW_HEIGHT * number, width=BAR_WIDTH * value / longest)
        for number, (step, value) in enumerate(microseconds.items(), start=1)
    ]
    height = ROW_HEIGHT * (len(rows) + 1) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}"><style>{_STYLE}</style>'
        f'<text x="8" y="18" font-weight="600">{escape(title)}</text>{"".join(rows)}</svg>\n'
    )


def _row(step: str, microseconds: float, *, top: int, width: float) -> str:
    baseline = top + 17
    return (
        f'<text x="{LABEL_WIDTH - 10}" y="{baseline}" text-anchor="end">{escape(step)}</text>'
        f'<rect class="bar" x="{LABEL_WIDTH}" y="{top + 4}" width="{width:.1f}" height="18" rx="2"/>'
        f'<text x="{LABEL_WIDTH + width + 8:.1f}" y="{baseline}">{microseconds:.0f} µs</text>'
    )


def table(microseconds: Mapping[str, float]) -> str:
    """A Markdown table of the steps, their time and their share."""
    total = sum(microseconds.values())
    rows = [f"| {step} | {value:.0f} | {100 * value / total:.0f}% |" for step, value in microseconds.items()]
    return "\n".join(["| step | µs per event | share |", "|---|--:|--:|", *rows])
