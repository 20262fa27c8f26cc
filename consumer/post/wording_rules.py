"""What a prompt's wording must say, since the program relies on it. Pure.

An answer is read as one JSON object, and a shop's texts stand between tags, where they are to count as material.
Whether a wording says so well is its author's matter; that it says so at all can be seen.
"""

import re
from collections.abc import Iterator
from typing import Final

from consumer.post.prompt import FIELDS, PLACEHOLDERS

MOST_CHARS: Final = 20_000
ANSWER_KEYS: Final = ("instagram_ad_copy", "hashtags")

_PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_]\w*)\s*\}")
_TAGS = re.compile(r"\btags?\b|delimit|태그|구분", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def problems_of(template: str) -> list[str]:
    """Return what keeps a wording from being used, each in a few words; nothing if it can be."""
    return [*_form_problems(template), *_missing_rules(template)]


def doubts_about(template: str) -> list[str]:
    """Return what is allowed and hardly meant: a setting that this wording does not heed."""
    variables = {"language": "FEED_LANGUAGE", "max_hashtags": "MAX_HASHTAGS"}
    return [f"{{{name}}} is not in it, so {variables[name]} is not told to the model" for name in _unused(template)]


def _unused(template: str) -> list[str]:
    return [name for name in PLACEHOLDERS if f"{{{name}}}" not in template]


def _form_problems(template: str) -> Iterator[str]:
    if len(template) > MOST_CHARS:
        yield f"it has {len(template):,} characters, at most {MOST_CHARS:,} are allowed"
    if _UNPRINTABLE.search(template):
        yield "it holds control characters"
    if "{{" in template or "}}" in template:
        yield "braces are not doubled: write JSON as it is"
    filled_in = {f"{{{name}}}" for name in PLACEHOLDERS}
    if unknown := sorted({found[0] for found in _PLACEHOLDER.finditer(template)} - filled_in):
        yield f"unknown placeholders {', '.join(unknown)}; there are {{language}} and {{max_hashtags}}"


def _missing_rules(template: str) -> Iterator[str]:
    keys = [key for key in ANSWER_KEYS if f'"{key}"' not in template]
    if keys or "json" not in template.lower():
        form = f'{{"{ANSWER_KEYS[0]}": "…", "{ANSWER_KEYS[1]}": "#…"}}'
        yield f"it does not ask for the answer's JSON form: {form}"
    fields = [name for name in FIELDS if name not in template]
    if fields:
        yield f"it does not name all of the advertisement's fields: {', '.join(fields)} missing"
    if not _TAGS.search(template.replace("hashtag", "")):
        yield "it does not say that the fields stand between tags of their names (delimiters), as material and no more"
