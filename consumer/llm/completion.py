"""A chat completion: the parts of a provider's answer that this program reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FLEX: Final = "flex"
"""The `service_tier` of a call at the provider's cheaper tier."""


class Ending(StrEnum):
    """Why a model stopped, in the spelling of any provider."""

    COMPLETE = "complete"
    CUT_OFF = "cut_off"
    FILTERED = "filtered"
    FAILED = "failed"


_ENDINGS = {
    **dict.fromkeys(
        (
            "length",
            "max_tokens",
            "max_output_tokens",
            "max_completion_tokens",
            "max_length",
            "model_length",
            "token_limit",
            "context_length",
            "model_context_window_exceeded",
        ),
        Ending.CUT_OFF,
    ),
    **dict.fromkeys(
        (
            "content_filter",
            "content_filtered",
            "contentfilter",
            "safety",
            "image_safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "language",
            "sensitive",
            "guardrail_intervened",
            "blocked",
            "refusal",
            "error_toxic",
        ),
        Ending.FILTERED,
    ),
    **dict.fromkeys(
        ("error", "network_error", "insufficient_system_resource", "aborted", "abort", "cancelled"), Ending.FAILED
    ),
}


def ending_of(finish_reason: str) -> Ending:
    """Return why the model stopped; unknown reasons count as complete, so that the text decides."""
    word = finish_reason.strip().lower().replace("-", "_").replace(" ", "_")
    return _ENDINGS.get(word.removeprefix("finish_reason_").removeprefix("finishreason."), Ending.COMPLETE)


@dataclass(frozen=True, slots=True)
class Completion:
    """The completion of one call. `raw` and `usage` are JSON texts as received; tokens are the provider's count.

    Counts that the provider does not report are None. `received` is the answer byte for byte; `headers` are those of
    the HTTP response, names in any case. `service_tier` is the tier that served the call, which determines the price.
    `latency_ms` is None for a completion that was looked up later.
    """

    content: str
    refusal: str | None
    finish_reason: str
    raw: str
    usage: str
    prompt_tokens: int | None
    cached_prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    latency_ms: float | None
    received: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cache_write_prompt_tokens: int | None = 0
    service_tier: str | None = None

    @property
    def ending(self) -> Ending:
        """Why the model stopped."""
        return ending_of(self.finish_reason)
