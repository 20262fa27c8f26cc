"""Stored posts in a terminal."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from consumer.operations.cli.output import usd
from consumer.telemetry.visible_text import one_line
from repository.operations.feed_queries import FeedSummary, StoredFeed

MINUTES = "%Y-%m-%d %H:%M"
READABLE_WIDTH = 98


def feeds_table(feeds: Sequence[FeedSummary]) -> Table:
    """Build a table with one line per post; ids are uncut, so that they can be copied."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("created (UTC)", no_wrap=True)
    table.add_column("tenant", overflow="fold")
    table.add_column("instagram_feed_id", no_wrap=True)
    table.add_column("tokens", no_wrap=True, justify="right")
    table.add_column("USD", no_wrap=True, justify="right")
    table.add_column("post")
    for feed in feeds:
        table.add_row(
            feed.created_at.strftime(MINUTES),
            one_line(feed.tenant_id),
            str(feed.instagram_feed_id),
            number(feed.total_tokens),
            usd(feed.cost_usd),
            first_line(feed.instagram_ad_copy),
        )
    return table


def post_view(feed: StoredFeed) -> RenderableType:
    """Show the post as a reader sees it, followed by its metadata."""
    post = Text(feed.instagram_ad_copy)
    post.append(f"\n\n{feed.hashtags}", "cyan")
    title = Text(f"{feed.tenant_id} · revision {feed.revision}")
    panel = Panel(post, title=title, title_align="left", padding=(1, 2), width=READABLE_WIDTH)
    return Group(panel, Padding(_facts(_rows(feed)), (0, 2)))


def full_view(feed: StoredFeed) -> RenderableType:
    """Show the inputs of the post, the prompt as sent, and the raw answer."""
    texts = (
        ("refined_ad_copy_eng", feed.refined_ad_copy_eng),
        ("tone_style", feed.tone_style),
        ("product_description", feed.product_description),
        ("store_information", feed.store_information),
        ("gpt_prompt", feed.gpt_prompt),
        ("gpt_prompt_used", feed.gpt_prompt_used),
        ("gpt_response_raw", feed.gpt_response_raw),
        ("token_usage", feed.token_usage),
    )
    return Group(
        *(Panel(Text(text or "–"), title=name, title_align="left", width=READABLE_WIDTH) for name, text in texts)
    )


def first_line(text: str) -> Text:
    """Return the beginning of a post, cut to fit; in a narrow terminal nothing else is cut."""
    return Text(text.strip().partition("\n")[0], no_wrap=True, overflow="ellipsis")


def made_by(origin: str, replay_id: UUID | None, based_on: UUID | int | None) -> str:
    """Return who or what made a revision; `based_on` names a post by its id or its revision."""
    if replay_id:
        return f"{origin} {replay_id}"
    return f"{origin} of {based_on}" if based_on else origin


def _rows(feed: StoredFeed) -> Iterable[tuple[str, str]]:
    yield "instagram_feed_id", str(feed.instagram_feed_id)
    yield "overlay_id", _text(feed.overlay_id)
    yield "job_id", _text(feed.job_id)
    yield "created_at", feed.created_at.isoformat(sep=" ", timespec="seconds")
    yield "model", " ".join(filter(None, (feed.provider, feed.model_name, feed.model_version))) or "–"
    yield "called with", _called_with(feed)
    yield "tokens", f"{number(feed.prompt_tokens)} in, {number(feed.completion_tokens)} out"
    yield "latency", "–" if feed.latency_ms is None else f"{feed.latency_ms:,.0f} ms"
    yield "cost", f"USD {usd(feed.cost_usd)}"
    yield "LLM calls", number(feed.llm_calls)
    yield "delivery", feed.delivery
    yield "source event", _text(feed.source_event_id)
    yield "made by", made_by(feed.origin, feed.replay_id, feed.based_on_feed_id)
    if feed.experiment_id:
        yield "experiment", f"{feed.experiment_name or feed.experiment_id}, variant {feed.variant}"


def _called_with(feed: StoredFeed) -> str:
    temperature, limit = _text(feed.used_temperature), number(feed.used_max_tokens)
    return f"temperature {temperature}, at most {limit} tokens, prompt {_text(feed.prompt_version)}"


def _facts(rows: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def _text(value: object) -> str:
    return "–" if value is None else str(value)


def number(value: int | None) -> str:
    """Format a count with thousands separators; a dash for None."""
    return "–" if value is None else f"{value:,}"
