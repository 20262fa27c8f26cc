"""Instagram's limits checked character by character, written without a look at the code under test."""

import unicodedata
from itertools import pairwise

from schemas.post import InstagramPost


def violations(post: InstagramPost, *, max_hashtags: int) -> list[str]:
    """Every limit that `post` breaks."""
    caption, tags = post.instagram_ad_copy, post.hashtags.split(" ")
    listed = [tag[1:] for tag in tags]
    checks = {
        "caption is blank": caption.strip() != "",
        "caption has white space at an end": caption == caption.strip(),
        "caption has white space at a line's end": all(line == line.rstrip() for line in caption.split("\n")),
        "caption has control characters": all(
            unicodedata.category(c) not in {"Cc", "Cs"} for c in caption if c != "\n"
        ),
        "caption has other newlines": len(caption.split("\n")) == len(f"{caption}.".splitlines()),
        "not NFC": unicodedata.is_normalized("NFC", caption) and unicodedata.is_normalized("NFC", post.hashtags),
        "too long": utf16_units(caption + "\n\n" + post.hashtags) <= 2_200,
        "too many mentions": mentions(caption) <= 20,
        "a hashtag without its sign": all(tag.startswith("#") for tag in tags),
        "a hashtag that is none": all(is_hashtag_body(body) for body in listed),
        "a hashtag twice": len({body.casefold() for body in listed}) == len(listed),
        "too many hashtags": len(tags) + hashtags_in(caption) <= max_hashtags,
    }
    return [violation for violation, kept in checks.items() if not kept]


def utf16_units(text: str) -> int:
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def mentions(text: str) -> int:
    return sum(sign in "@＠" and (name in "._" or (name.isascii() and name.isalnum())) for sign, name in pairwise(text))


def is_hashtag_body(body: str) -> bool:
    kinds = [unicodedata.category(character) for character in body]
    held = all(kind[0] in "LM" or kind == "Nd" or c == "_" for kind, c in zip(kinds, body, strict=True))
    return held and any(kind != "Nd" for kind in kinds)


def hashtags_in(text: str) -> int:
    """How many hashtags start in running text, each sign judged by the longest body after it."""
    count = 0
    for position, character in enumerate(text):
        if character in "#＃":
            end = position + 1
            while end < len(text) and is_hashtag_body("a" + text[end]):
                end += 1
            count += is_hashtag_body(text[position + 1 : end])
    return count
