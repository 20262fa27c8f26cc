"""What differs between two posts: their texts line by line, their figures side by side. Pure."""

from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from repository.operations.feed_queries import StoredFeed

FIGURES = (
    "instagram_feed_id",
    "overlay_id",
    "revision",
    "origin",
    "provider",
    "model_name",
    "model_version",
    "prompt_version",
    "used_temperature",
    "used_max_tokens",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "latency_ms",
    "llm_calls",
    "cost_usd",
    "created_at",
)
CONTEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class FeedDifference:
    """Per text the lines of a unified diff, empty if equal; for each differing figure both values."""

    texts: dict[str, list[str]]
    figures: dict[str, tuple[Any, Any]]


def difference(first: StoredFeed, second: StoredFeed) -> FeedDifference:
    """Return the changes from the first post to the second."""
    return FeedDifference(
        texts={
            "instagram_ad_copy": changed_lines(first.instagram_ad_copy, second.instagram_ad_copy),
            "hashtags": changed_lines(*(feed.hashtags.replace(" ", "\n") for feed in (first, second))),
            "gpt_prompt_used": changed_lines(first.gpt_prompt_used or "", second.gpt_prompt_used or ""),
        },
        figures={
            name: (getattr(first, name), getattr(second, name))
            for name in FIGURES
            if getattr(first, name) != getattr(second, name)
        },
    )


def changed_lines(first: str, second: str) -> list[str]:
    """Return a unified diff of two texts, without the lines that name the files."""
    lines = unified_diff(first.splitlines(), second.splitlines(), lineterm="", n=CONTEXT_LINES)
    return list(lines)[2:]
