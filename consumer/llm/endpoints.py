"""Where a provider's models are called, and with which key."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider's OpenAI-compatible endpoint; `base_url` ends before /chat/completions."""

    provider: str
    base_url: str
    api_key: str = field(repr=False)
