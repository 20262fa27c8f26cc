"""A report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Texts come from shops and models: every one is escaped where it is put in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from consumer.operations.reports import charts
from consumer.operations.reports.chart import Chart, legend, lines, stacked_columns
from consumer.operations.reports.experiment_section import experiment_sections
from consumer.operations.reports.markup import bar, cell, section, table
from consumer.operations.reports.reading import ReportFigures
from consumer.operations.reports.scale import MS_IN_A_SECOND, short
from consumer.operations.reports.style import STYLE
from repository.operations.report_charts import Breakdown
from repository.operations.report_scope import GroupBy

GENERATOR = '<meta name="generator" content="instagram-feed report html">'
NOTHING_LOADED = "default-src 'none'; style-src 'unsafe-inline'"
NAMES = {
    GroupBy.MODEL: ("By model", "model", "no model"),
    GroupBy.VARIANT: ("By variant", "experiment and variant", "in no experiment"),
    GroupBy.TENANT: ("By tenant", "tenant", "no tenant"),
}
MOST_GROUPS = 10
POSTS_PER_PRICE = 1_000
_DOLLARS, _CENT = Decimal(10), Decimal("0.01")


def page(reading: ReportFigures, *, made_at: datetime) -> str:
    """Return the whole page."""
    drawn = (
        _chart(charts.volume(reading), stacked_columns),
        _chart(charts.cost(reading), stacked_columns),
        _chart(charts.tokens(reading), stacked_columns),
        _chart(charts.latency(reading), lines),
    )
    tables = (
        experiment_sections(reading.experiments),
        _failures(reading),
        *(_breakdown(by, rows) for by, rows in reading.breakdowns.items()),
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{GENERATOR}'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_LOADED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Instagram posts, {escape(_range(reading))}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>Instagram posts</h1>{_about(reading, made_at)}</header>"
        f'<div class="tiles">{"".join(_tiles(reading))}</div>'
        f'<div class="charts">{"".join(drawn)}</div><div class="stack">{"".join(tables)}</div>'
        "</body></html>\n"
    )


def _about(reading: ReportFigures, made_at: datetime) -> str:
    limits = [f"tenant {reading.scope.tenant_id}" if reading.scope.tenant_id is not None else "all tenants"]
    limits.append(f"model {reading.model}" if reading.model else "all models")
    made = f"made {_moment(made_at, reading)}"
    return f'<p class="about">{escape(" · ".join((_range(reading), *limits, made)))}</p>'


def _range(reading: ReportFigures) -> str:
    begin, end = _moment(reading.scope.since, reading), _moment(reading.until, reading)
    return f"{begin} to {end} ({reading.scope.timezone})"


def _moment(moment: datetime, reading: ReportFigures) -> str:
    return f"{moment.astimezone(ZoneInfo(reading.scope.timezone)):%Y-%m-%d %H:%M}"


def _tiles(reading: ReportFigures) -> Iterable[str]:
    prompt = sum(one.prompt_tokens for one in reading.activity.values())
    completion = sum(one.completion_tokens for one in reading.activity.values())
    on_posts, without = reading.spent_on_posts_usd, reading.spent_without_post_usd
    yield _tile("posts", f"{reading.posts:,}", f"{len(reading.starts):,} {reading.bucket}s")
    of_it = "on posts" if reading.without_post is None else f"{_usd(without)} without a post"
    yield _tile("spent", _usd(on_posts + without), of_it)
    yield _tile("per 1,000 posts", _price(on_posts, reading.posts), "spent on posts")
    yield _tile("tokens", short(prompt + completion), f"{short(prompt)} in, {short(completion)} out")
    yield _tile("latency p95", _duration(reading.latency.p95_latency), f"p50 {_duration(reading.latency.p50_latency)}")
    if reading.failures is not None:
        ended = reading.posts + reading.failed
        share = f"{reading.failed / ended:.1%} of all that ended" if ended else "none ended"
        yield _tile("failed requests", f"{reading.failed:,}", share)


def _tile(name: str, value: str, more: str) -> str:
    return (
        f'<div class="tile"><div class="name">{escape(name)}</div><div class="value">{escape(value)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
    )


def _chart(chart: Chart, draw: Callable[[Chart], str]) -> str:
    drawn = '<p class="empty">No posts.</p>' if chart.is_empty else draw(chart) + legend(chart)
    return section(chart.title, drawn)


def _failures(reading: ReportFigures) -> str:
    title = "Failures by reason"
    if reading.failures is None:
        return section(title, '<p class="empty">Not known for one model: a failed request does not say which.</p>')
    requests: dict[str, int] = defaultdict(int)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for failure in reading.failures:
        requests[failure.reason] += failure.requests
        spent[failure.reason] += failure.spent_usd
    if not requests:
        return section(title, '<p class="empty">No request failed.</p>')
    rows = [
        (escape(reason), bar(count, max(requests.values())), cell(_usd(spent[reason])))
        for reason, count in sorted(requests.items(), key=lambda item: -item[1])
    ]
    return section(title, table(("reason", "requests", "spent"), rows), css_class="failures")


def _breakdown(by: GroupBy, groups: Sequence[Breakdown]) -> str:
    title, column, nothing = NAMES[by]
    if not groups:
        return section(title, '<p class="empty">No posts.</p>')
    shown, rest = groups[:MOST_GROUPS], groups[MOST_GROUPS:]
    rows = [_group_row(group.group or nothing, group, bar(group.posts, shown[0].posts)) for group in shown]
    if rest:
        others = _together(rest)
        rows.append(_group_row(f"{len(rest)} others", others, cell(f"{others.posts:,}")))
    headings = (column, "posts", "tokens", "spent", "per 1,000 posts", "latency p50", "p95")
    return section(title, table(headings, rows))


def _together(groups: Sequence[Breakdown]) -> Breakdown:
    """Sum many groups up as one; its percentiles cannot be had from theirs."""
    return Breakdown(
        group=None,
        posts=sum(group.posts for group in groups),
        total_tokens=sum(group.total_tokens for group in groups),
        spent_usd=sum((group.spent_usd for group in groups), Decimal(0)),
        p50_ms=None,
        p95_ms=None,
    )


def _group_row(name: str, group: Breakdown, posts_cell: str) -> Sequence[str]:
    return (
        escape(name),
        posts_cell,
        cell(f"{group.total_tokens:,}"),
        cell(_usd(group.spent_usd)),
        cell(_price(group.spent_usd, group.posts)),
        cell(_duration(group.p50_ms)),
        cell(_duration(group.p95_ms)),
    )


def _usd(amount: Decimal) -> str:
    """Return an amount with the decimals that its size needs: a single post costs a fraction of a cent."""
    if not amount:
        return "$0"
    return f"${amount:,.2f}" if amount >= _DOLLARS else f"${amount:,.4f}" if amount >= _CENT else f"${amount:.6f}"


def _price(spent_usd: Decimal, posts: int) -> str:
    return _usd(spent_usd * POSTS_PER_PRICE / posts) if posts else "–"


def _duration(latency_ms: float | None) -> str:
    if latency_ms is None:
        return "–"
    return f"{latency_ms / MS_IN_A_SECOND:,.2f} s" if latency_ms >= MS_IN_A_SECOND else f"{latency_ms:.0f} ms"
