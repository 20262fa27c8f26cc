"""Prompt caching as OpenAI does it: the longest prefix seen before, in steps of 128 tokens.

Source: https://platform.openai.com/docs/guides/prompt-caching
"""

from collections import OrderedDict
from typing import NamedTuple

from devstack.simulated_llm.tokens import count_tokens

MIN_CACHED_TOKENS = 1024
CACHE_STEP_TOKENS = 128
_BLOCK_CHARS = 128


class CacheUse(NamedTuple):
    """Tokens of one prompt that were read from the cache, and those that were added to it."""

    cached_tokens: int
    written_tokens: int


class PromptCache:
    """The prefixes of one account's prompts; the least recently used are forgotten first."""

    def __init__(self, capacity_blocks: int = 100_000) -> None:
        self._capacity_blocks = capacity_blocks
        self._seen: OrderedDict[int, None] = OrderedDict()

    def use(self, model: str, prompt: str, prompt_tokens: int) -> CacheUse:
        """Look the prompt up, and remember it for the calls to come."""
        if prompt_tokens < MIN_CACHED_TOKENS:
            return CacheUse(0, 0)
        cached = _cacheable_tokens(count_tokens(prompt[: self._seen_chars(model, prompt)]))
        return CacheUse(cached, _cacheable_tokens(prompt_tokens) - cached)

    def _seen_chars(self, model: str, prompt: str) -> int:
        """Return the length of the longest prefix seen before, in whole blocks."""
        seen_chars = 0
        prefix = hash(model)
        for start in range(0, len(prompt) - _BLOCK_CHARS + 1, _BLOCK_CHARS):
            end = start + _BLOCK_CHARS
            prefix = hash((prefix, prompt[start:end]))
            if prefix in self._seen:
                seen_chars = end
            self._remember(prefix)
        return seen_chars

    def _remember(self, prefix: int) -> None:
        self._seen[prefix] = None
        self._seen.move_to_end(prefix)
        if len(self._seen) > self._capacity_blocks:
            self._seen.popitem(last=False)


def _cacheable_tokens(tokens: int) -> int:
    return 0 if tokens < MIN_CACHED_TOKENS else tokens - tokens % CACHE_STEP_TOKENS
