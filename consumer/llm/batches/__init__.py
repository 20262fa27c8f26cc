"""Batches at a provider: a file of requests is sent, and a file of answers returned within a day, at a lower price."""

from typing import Final

PROVIDERS: Final = frozenset({"openai"})
"""The supported providers: OpenAI, and compatible servers under its name."""
