"""Where a provider's models are called, and with which key."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider's OpenAI-compatible endpoint.

    `base_url` ends before /chat/completions; `query` goes with every request, as an API's version does.
    """

    provider: str
    base_url: str
    api_key: str = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
