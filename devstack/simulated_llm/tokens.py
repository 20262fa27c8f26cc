"""Token counts by a rule of thumb: no tokenizer, but figures that follow the text."""

from math import ceil

ASCII_CHARS_PER_TOKEN = 4.0  # OpenAI's own rule of thumb for English
OTHER_CHARS_PER_TOKEN = 1.6  # about what o200k_base needs for Hangul with its spaces
_EXTRA_BYTES_PER_HANGUL = 2  # in UTF-8, beyond the one byte of an ASCII character


def count_tokens(text: str) -> int:
    """Count the tokens of a text; grows with every character that is added."""
    other_chars = (len(text.encode()) - len(text)) / _EXTRA_BYTES_PER_HANGUL
    return ceil((len(text) - other_chars) / ASCII_CHARS_PER_TOKEN + other_chars / OTHER_CHARS_PER_TOKEN)


def cut_to_tokens(text: str, limit: int) -> str:
    """Return the longest prefix that has at most ``limit`` tokens."""
    fits, too_long = 0, len(text) + 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if count_tokens(text[:middle]) <= limit:
            fits = middle
        else:
            too_long = middle
    return text[:fits]
