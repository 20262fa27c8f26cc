"""Instagram's limits on a post: fixed where the fix is certain, refused where it is not.

Sources: Instagram's content publishing API (2,200 characters, 30 hashtags, 20 mentions); its
announcement of 2025-12-18 (5 hashtags), which is the setting's default; publishing services, which
take 3 mentions.
"""

import re
from typing import Final

from consumer.post.caption import clean_caption, is_blank, trim
from consumer.post.hashtags import (
    folded,
    hashtags_in_list,
    hashtags_in_prose,
    split_closing_hashtags,
)
from schemas.post import InstagramPost, RawPost

MAX_UTF16_UNITS: Final = 2_200
MAX_MENTIONS_CEILING: Final = 20
MAX_HASHTAGS_CEILING: Final = 30
SEPARATOR: Final = "\n\n"
"""What a publisher puts between caption and hashtags; counted with them."""

_MENTION: Final = re.compile(r"[@＠][0-9A-Za-z_.]")


class RuleBroken(Exception):
    """The post breaks rules that no certain rewrite fixes; `problems` can be quoted to the model."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Take one sentence for each broken rule."""
        self.problems = problems
        super().__init__(" ".join(problems))


def apply_rules(
    post: RawPost, *, max_hashtags: int, max_mentions: int = MAX_MENTIONS_CEILING, disclosure: str = ""
) -> InstagramPost:
    """Bring a post within the limits; what is within them already stays as it is.

    Instagram counts every hashtag, so those inside the caption use up `max_hashtags` (1 to 30)
    first and the list is cut to what is left; at least one must fit in the list. Lines of
    nothing but hashtags at the caption's end move to the front of the list. Lengths are in
    UTF-16 code units, the strictest reading of "characters". A `disclosure` becomes the caption's
    first line and counts like the rest; where its hashtags leave no room, the list is empty.

    Raises:
        RuleBroken: a caption that is blank, too long, or has too many mentions or hashtags;
            a list without any hashtag.
        ValueError: `max_hashtags` is out of range.
    """
    if not 1 <= max_hashtags <= MAX_HASHTAGS_CEILING:
        raise ValueError(f"max_hashtags must be from 1 to {MAX_HASHTAGS_CEILING}")
    written, listed = _caption_and_list(post)
    room = max_hashtags - len(hashtags_in_prose(disclosure))
    written = undisclosed(written, disclosure)
    caption = f"{disclosure}\n{written}" if disclosure else written
    inline = hashtags_in_prose(caption)
    written_inline = hashtags_in_prose(written) if disclosure else inline
    tags = _within_length(caption, _new(listed, inline)[: max(max_hashtags - len(inline), 0)])
    problems = (
        *_caption_problems(written, max_mentions),
        *_hashtag_problems(listed, written_inline, room),
        *_length_problems(caption, tags),
    )
    if problems:
        raise RuleBroken(problems)
    return InstagramPost(caption, " ".join(tags))


def undisclosed(caption: str, disclosure: str) -> str:
    """Return the caption without the disclosure it begins with, if it does; a model may have written it itself."""
    if not disclosure or not caption.startswith(disclosure):
        return caption
    rest = caption[len(disclosure) :]
    return trim(rest) if not rest or rest[0].isspace() else caption


def as_published(post: InstagramPost) -> str:
    """Return caption and hashtags in one text, joined as they were counted."""
    return _joined(post.instagram_ad_copy, post.hashtags)


def hashtag_count(post: InstagramPost) -> int:
    """Count the hashtags of caption and list together, as Instagram does."""
    return len(hashtags_in_prose(post.instagram_ad_copy)) + len(post.hashtags.split())


def utf16_length(text: str) -> int:
    """Count UTF-16 code units, the strictest reading of "characters"."""
    return len(text.encode("utf-16-le")) // 2


def _caption_and_list(post: RawPost) -> tuple[str, list[str]]:
    caption = clean_caption(post.instagram_ad_copy)
    if "#" not in caption and "＃" not in caption:
        return caption, hashtags_in_list(post.hashtags)
    caption, closing = split_closing_hashtags(caption)
    return trim(caption), hashtags_in_list(f"{closing} {post.hashtags}")


def _new(listed: list[str], inline: list[str]) -> list[str]:
    """Leave out what the caption says already, but never all: a post has a list."""
    if not inline:
        return listed
    said = {folded(tag) for tag in inline}
    return [tag for tag in listed if folded(tag) not in said] or listed[:1]


def _within_length(caption: str, tags: list[str]) -> list[str]:
    while len(tags) > 1 and _is_too_long(_joined(caption, " ".join(tags))):
        tags = tags[:-1]
    return tags


def _caption_problems(caption: str, max_mentions: int) -> list[str]:
    problems = []
    if is_blank(caption):
        problems.append("instagram_ad_copy is empty.")
    mentions = len(_MENTION.findall(caption)) if "@" in caption or "＠" in caption else 0
    if mentions > max_mentions:
        problems.append(f"instagram_ad_copy has {mentions} @-mentions; at most {max_mentions} are allowed.")
    return problems


def _hashtag_problems(listed: list[str], inline: list[str], room: int) -> list[str]:
    problems = []
    if inline and len(inline) >= room:
        problems.append(
            f"instagram_ad_copy has {len(inline)} hashtags inside; put hashtags only in "
            f'"hashtags", at most {room} in all.'
        )
    if not listed:
        problems.append(
            "hashtags has no valid hashtag; a hashtag is # followed by letters, digits or "
            "underscores, not by digits alone."
        )
    return problems


def _length_problems(caption: str, tags: list[str]) -> list[str]:
    text = _joined(caption, " ".join(tags))
    if not _is_too_long(text):
        return []
    together = f"instagram_ad_copy and hashtags are {utf16_length(text)} characters long together"
    return [f"{together}; at most {MAX_UTF16_UNITS} are allowed. Shorten instagram_ad_copy."]


def _is_too_long(text: str) -> bool:
    # no character takes more than two units
    return 2 * len(text) > MAX_UTF16_UNITS and utf16_length(text) > MAX_UTF16_UNITS


def _joined(caption: str, hashtags: str) -> str:
    return f"{caption}{SEPARATOR}{hashtags}" if hashtags else caption
