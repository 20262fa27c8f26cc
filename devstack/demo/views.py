"""The output of the demo."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from consumer.operations.cli.feeds.view import first_line, post_view
from consumer.operations.cli.output import usd
from devstack.demo.checks import Check
from devstack.demo.evidence import Evidence
from repository.operations.feed_queries import StoredFeed
from schemas.record import SourceRecord

REPAIR_MESSAGE = "That answer cannot be used: "


def print_evidence(screen: Console, evidence: Evidence) -> None:
    """Print the results, part by part."""
    _heading(screen, "Two of the posts")
    for feed in posts_to_show(evidence.feeds):
        screen.print(post_view(feed))
        _, repaired, problem = (feed.gpt_prompt_used or "").rpartition(REPAIR_MESSAGE)
        if repaired:
            screen.print(f"\n  The first answer broke a rule; the repair call quoted it:\n  {problem.strip()}")
        screen.print()
    _heading(screen, "What is stored in instagram_feeds")
    screen.print(_stored(evidence.feeds))
    _heading(screen, "What was published to instagram_feed.created, as read back from Kafka")
    screen.print(f"{len(evidence.created)} events. The first:\n")
    for created in evidence.created[:1]:
        screen.print_json((created.value or b"{}").decode(), ensure_ascii=False)
    _heading(screen, "The dead letter in overlay.completed.dlq")
    for letter in evidence.dead_letters:
        _print_dead_letter(screen, letter)


def print_checks(screen: Console, checks: Sequence[Check]) -> None:
    """Print one line for each check."""
    _heading(screen, "Is it all there, and only once?")
    for check in checks:
        screen.print(f"{'✓' if check.holds else '✗'} {check.claim}  ({check.found})", soft_wrap=True)


def posts_to_show(feeds: Sequence[StoredFeed]) -> Sequence[StoredFeed]:
    """Choose two posts: first the one that took most calls, then one of another shop."""
    by_calls = sorted(feeds, key=lambda feed: -(feed.llm_calls or 0))
    others = [feed for feed in by_calls if feed.tenant_id != by_calls[0].tenant_id]
    return [*by_calls[:1], *others[:1]]


def _heading(screen: Console, title: str) -> None:
    screen.print()
    screen.rule(title, align="left", style="dim")
    screen.print()


def _stored(feeds: Sequence[StoredFeed]) -> Table:
    table = Table(box=None, header_style="bold", footer_style="bold", show_footer=True, pad_edge=False)
    table.add_column("tenant", f"{len(feeds)} posts", no_wrap=True)
    table.add_column("post")
    for title, total in _totals(feeds).items():
        table.add_column(title, total, no_wrap=True, justify="right")
    for feed in feeds:
        table.add_row(feed.tenant_id, first_line(feed.instagram_ad_copy), *_totals([feed]).values())
    return table


def _totals(feeds: Sequence[StoredFeed]) -> dict[str, str]:
    """Sum up the figures of some posts, by column; the latency is the mean."""
    return {
        "calls": f"{sum(feed.llm_calls or 0 for feed in feeds)}",
        "tokens in": f"{sum(feed.prompt_tokens or 0 for feed in feeds):,}",
        "out": f"{sum(feed.completion_tokens or 0 for feed in feeds):,}",
        "latency": f"{sum(feed.latency_ms or 0 for feed in feeds) / max(1, len(feeds)):,.0f} ms",
        "USD": usd(sum((feed.cost_usd or Decimal(0) for feed in feeds), Decimal(0))),
    }


def _print_dead_letter(screen: Console, letter: SourceRecord) -> None:
    for name, value in letter.headers:
        screen.print(f"{name}: {(value or b'').decode(errors='replace')}", soft_wrap=True)
    screen.print(
        f"\nthe original value, byte for byte: {(letter.value or b'').decode(errors='replace')}", soft_wrap=True
    )
