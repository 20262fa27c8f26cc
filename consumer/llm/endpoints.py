"""A provider's endpoint and key."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider's OpenAI-compatible endpoint.

    `base_url` ends before /chat/completions; `query` is sent with every request, such as an API version.
    """

    provider: str
    base_url: str
    api_key: str = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
