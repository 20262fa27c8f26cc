"""Batches at a provider: a file of requests goes there, and within a day a file of answers comes back, cheaper."""

from typing import Final

PROVIDERS: Final = frozenset({"openai"})
"""Those whose batches are spoken here: OpenAI's, and whatever server speaks the same under its name."""
