"""What the demo shows at its end."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from consumer.operations.cli.feeds.view import READABLE_WIDTH, first_line, post_view, usd
from devstack.demo.checks import Check
from devstack.demo.evidence import Evidence
from repository.operations.feed_queries import StoredFeed
from schemas.record import SourceRecord

POSTS_IN_FULL = 2
REPAIR_MESSAGE = "That answer cannot be used: "


def result_view(evidence: Evidence) -> Iterator[RenderableType]:
    """Everything that came of the events, part by part."""
    yield _heading("Two of the posts")
    for feed in telling_feeds(evidence.feeds):
        yield post_view(feed)
        yield from _repair(feed)
        yield ""
    yield _heading("What is stored in instagram_feeds")
    yield _stored(evidence.feeds)
    yield _heading("What was published to instagram_feed.created, as read back from Kafka")
    yield _created(evidence.created)
    yield from _one_event(evidence.created)
    yield _heading("The dead letter in overlay.completed.dlq")
    for letter in evidence.dead_letters:
        yield _dead_letter(letter)


def _repair(feed: StoredFeed) -> Iterator[RenderableType]:
    """What the model was told when its first answer could not be used."""
    _, found, last_message = (feed.gpt_prompt_used or "").rpartition(REPAIR_MESSAGE)
    if found:
        yield Panel(
            Text(last_message, "yellow"),
            title="the first answer broke a rule; the repair call quoted it",
            title_align="left",
            width=READABLE_WIDTH,
        )


def checks_view(checks: Sequence[Check]) -> RenderableType:
    """One line for each check."""
    lines = Text("\n").join(
        Text.assemble(("✓ " if check.holds else "✗ ", "green" if check.holds else "red"), check.claim)
        + Text(f"  ({check.found})", "dim")
        for check in checks
    )
    return Group(_heading("Is it all there, and only once?"), lines)


def telling_feeds(feeds: Sequence[StoredFeed]) -> Sequence[StoredFeed]:
    """Two posts: first one that took a repair, then the next of another shop."""
    by_calls = sorted(feeds, key=lambda feed: -(feed.llm_calls or 0))
    others = [feed for feed in by_calls[1:] if feed.tenant_id != by_calls[0].tenant_id]
    return [*by_calls[:1], *others[: POSTS_IN_FULL - 1]]


def _heading(title: str) -> RenderableType:
    return Group("", Rule(Text(title, "bold"), align="left"), "")


def _stored(feeds: Sequence[StoredFeed]) -> RenderableType:
    table = Table(box=None, header_style="bold", footer_style="bold", show_footer=True, pad_edge=False)
    table.add_column("tenant", f"{len(feeds)} posts", no_wrap=True)
    table.add_column("post")
    for title, total in _totals(feeds).items():
        table.add_column(title, total, no_wrap=True, justify="right")
    for feed in feeds:
        table.add_row(
            feed.tenant_id,
            first_line(feed.instagram_ad_copy),
            str(feed.llm_calls),
            f"{feed.prompt_tokens:,}",
            f"{feed.completion_tokens:,}",
            f"{feed.latency_ms:,.0f} ms",
            usd(feed.cost_usd),
        )
    return table


def _totals(feeds: Sequence[StoredFeed]) -> dict[str, str]:
    """Column titles and what stands under the columns."""
    latencies_ms = [feed.latency_ms or 0 for feed in feeds]
    return {
        "calls": f"{sum(feed.llm_calls or 0 for feed in feeds)}",
        "tokens in": f"{sum(feed.prompt_tokens or 0 for feed in feeds):,}",
        "out": f"{sum(feed.completion_tokens or 0 for feed in feeds):,}",
        "latency": f"⌀ {sum(latencies_ms) / max(1, len(feeds)):,.0f} ms",
        "USD": usd(sum((feed.cost_usd or Decimal(0) for feed in feeds), Decimal(0))),
    }


def _created(records: Sequence[SourceRecord]) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("partition/offset", no_wrap=True, justify="right")
    table.add_column("key (overlay_id)", no_wrap=True)
    table.add_column("hashtags")
    for record in records:
        event = json.loads(record.value or b"{}")
        place = f"{record.partition}/{record.offset}"
        table.add_row(place, (record.key or b"").decode(), first_line(event["hashtags"]))
    return table


def _one_event(records: Sequence[SourceRecord]) -> Iterator[RenderableType]:
    for record in records[:1]:
        event = Text(json.dumps(json.loads(record.value or b"{}"), ensure_ascii=False, indent=2))
        JSONHighlighter().highlight(event)
        yield ""
        yield Panel(
            event, title=f"the event at {record.partition}/{record.offset}", title_align="left", width=READABLE_WIDTH
        )


def _dead_letter(letter: SourceRecord) -> RenderableType:
    headers = Table.grid(padding=(0, 2))
    headers.add_column(style="dim", no_wrap=True)
    headers.add_column(overflow="fold")
    for name, value in letter.headers:
        headers.add_row(name, (value or b"").decode(errors="replace"))
    original = Text((letter.value or b"").decode(errors="replace"))
    return Group(
        headers, Panel(original, title="the original value, byte for byte", title_align="left", width=READABLE_WIDTH)
    )
