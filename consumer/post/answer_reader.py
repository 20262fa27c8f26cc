"""Finding the one post in whatever a model or gateway put around it. Pure.

A paid answer is read generously: after a sentence, in a code block, behind a model's thoughts, as text in a text, in
a list of one, inside another object, with a raw line break in a string, a comma too many, single quotes. But nothing
is guessed. What was cut off is not completed, and two different posts are a problem to quote, not a choice to make.

The common answer, exactly the JSON asked for, is parsed once and never comes here further than that.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from schemas.post import RawPost

CAPTION_KEY: Final = "instagram_ad_copy"
HASHTAGS_KEY: Final = "hashtags"

_DEEPEST: Final = 4  # text in a text in an object in a list is as far as gateways go
_MOST_STARTS: Final = 64
_LONGEST: Final = 100_000
_INVISIBLE: Final = "\ufeff\u200b\u200e\u200f\u2060"
_THOUGHTS_BEGIN: Final = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_THOUGHTS_END: Final = re.compile(
    r"</(?:think|thinking|thought|reasoning)>|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LENIENT: Final = json.JSONDecoder(strict=False)  # takes raw line breaks inside strings
# A post whose two keys stand there once each has certain borders, whatever is wrong inside its strings.
_QUOTE: Final = "[\"'“”‘’`]"
_GAP: Final = r"(?:\s|//[^\n\"]*\n)*"  # white space and comments
_NAMED_CAPTION: Final = rf"{_QUOTE}?{CAPTION_KEY}{_QUOTE}?\s*:\s*(?P<around>[\"'`])(?P<caption>.*?)(?P=around)"
_NAMED_HASHTAGS: Final = (
    rf"{_QUOTE}?{HASHTAGS_KEY}{_QUOTE}?\s*:\s*"
    r"(?:(?P<within>[\"'`])(?P<hashtags>.*?)(?P=within)|(?P<list>\[[^\[\]{}]*\]))"
)
_BROKEN: Final = tuple(
    re.compile(rf"\{{{_GAP}{first}{_GAP},{_GAP}{second}(?:{_GAP},)?{_GAP}(?:\}}|```|\Z)", re.DOTALL)
    for first, second in ((_NAMED_CAPTION, _NAMED_HASHTAGS), (_NAMED_HASHTAGS, _NAMED_CAPTION))
)
_ANOTHER_KEY: Final = re.compile(rf"{_QUOTE}\s*,\s*{_QUOTE}?\w+{_QUOTE}?\s*:")
_ESCAPED_OBJECT: Final = re.compile(r"\{(?:\\n|\s){0,20}\\\"")
_LISTED: Final = re.compile(r"\s*,?\s*(?P<quote>[\"'])(?P<tag>.*?)(?P=quote)\s*(?=,|\]|$)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[\"\\/bfnrt])|\\'|[\"\\\x00-\x1f]")


class MalformedPost(Exception):
    """The model's answer is not the JSON asked for; `reason` can be quoted to it."""

    def __init__(self, reason: str) -> None:
        """Take a sentence that says what the answer should have been."""
        self.reason = reason
        super().__init__(reason)


def read_post(content: str) -> RawPost:
    """Read a model's answer; other keys are ignored, of a list of hashtags each gets a comma behind it.

    Raises:
        MalformedPost: it holds no post, or more than one.
    """
    try:
        answer = from_json(content.encode(), allow_inf_nan=False)
    except ValueError as error:
        return _only(_posts_in_text(content), otherwise=f"The answer is not valid JSON: {_place_of(error)}.")
    if isinstance(answer, dict) and (post := _post(answer)):
        return post
    return _only(_posts(answer), otherwise=_wrong_shape(answer))


def _only(posts: Iterator[RawPost], *, otherwise: str) -> RawPost:
    different = list(dict.fromkeys(posts))
    if len(different) == 1:
        return different[0]
    raise MalformedPost(
        "The answer holds more than one post; give exactly one JSON object." if different else otherwise
    )


def _posts(value: object, depth: int = 0) -> Iterator[RawPost]:
    """Yield the posts in a JSON value, however deep they are wrapped."""
    match value:
        case dict() if post := _post(value):
            yield post
        case dict() if depth < _DEEPEST:
            for item in value.values():
                yield from _posts(item, depth + 1)
        case list() if depth < _DEEPEST:
            for item in value:
                yield from _posts(item, depth + 1)
        case str() if depth < _DEEPEST and "{" in value:
            yield from _posts_in_text(value, depth + 1)


def _post(found: Mapping[str, Any]) -> RawPost | None:
    caption, hashtags = found.get(CAPTION_KEY), _joined(found.get(HASHTAGS_KEY))
    if isinstance(caption, str) and hashtags is not None:
        return RawPost(caption, hashtags)
    folded = _folded(found)
    caption, hashtags = folded.get(_plain(CAPTION_KEY)), _joined(folded.get(_plain(HASHTAGS_KEY)))
    return RawPost(caption, hashtags) if isinstance(caption, str) and hashtags is not None else None


def _folded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Fold keys, in which case, spaces and joiners do not count; none where two become the same."""
    keys = [_plain(key) for key in found]
    return dict(zip(keys, found.values(), strict=True)) if len(set(keys)) == len(keys) else {}


def _plain(key: str) -> str:
    return "".join(filter(str.isalnum, key)).lower()


def _joined(hashtags: object) -> str | None:
    if isinstance(hashtags, str):
        return hashtags
    if isinstance(hashtags, list) and all(isinstance(tag, str) for tag in hashtags):
        return "".join(f"{tag}," for tag in hashtags)  # one may hold spaces
    return None


def _posts_in_text(content: str, depth: int = 0) -> Iterator[RawPost]:
    """Return the posts in a text: JSON objects anywhere in it, else one that is JSON but for what can be repaired."""
    text = _LONE_SURROGATE.sub("", _without_thoughts(content[:_LONGEST]).strip().strip(_INVISIBLE))
    for reading in _readings(text):
        posts = [post for found in _objects(reading) for post in _posts(found, depth + 1)]
        if posts := posts or list(_repaired(reading)):
            return iter(posts)
    return iter(())


def _readings(text: str) -> Iterator[str]:
    """Give the text as it is, then without what some gateways escape once too often."""
    yield text
    if '"' not in text and "&quot;" in text:
        yield html.unescape(text)
    if escaped := _ESCAPED_OBJECT.search(text):
        yield _unescaped(text[escaped.start() : text.rfind("}") + 1])


def _without_thoughts(text: str) -> str:
    """Cut off all up to the last thought; drafts are no answers. Some servers drop the tag that opens thoughts."""
    ends = [end.end() for end in _THOUGHTS_END.finditer(text)]
    answer = text[ends[-1] :] if ends else text
    unended = _THOUGHTS_BEGIN.search(answer)
    return answer[: unended.start()] if unended else answer


def _objects(text: str) -> Iterator[Any]:
    """Return every JSON object, or text that may hold one, that stands in a text and in no other of them."""
    end = 0
    starts = [match.start() for match in re.finditer(r"\{|\"\s*\{\\", text)]
    for start in starts[:_MOST_STARTS]:
        if start < end:
            continue
        try:
            found, end = _LENIENT.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield _storable(found)


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value without halves of surrogate pairs, which an escape may have made."""
    match value:
        case str():
            return _LONE_SURROGATE.sub("", value)
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case _:
            return value


def _repaired(text: str) -> Iterator[RawPost]:
    """Read a post with broken strings whose borders are certain: each key stands there once, the end as well."""
    if any(len(re.findall(rf"{key}{_QUOTE}?\s*:", text)) != 1 for key in (CAPTION_KEY, HASHTAGS_KEY)):
        return
    found = next(filter(None, (broken.search(text) for broken in _BROKEN)), None)
    if found and not _ANOTHER_KEY.search(found["caption"]) and not _ANOTHER_KEY.search(found["hashtags"] or ""):
        yield RawPost(_unescaped(found["caption"]), _repaired_hashtags(found))


def _repaired_hashtags(found: re.Match[str]) -> str:
    if found["list"] is None:
        return _unescaped(found["hashtags"])
    return _joined([_unescaped(tag["tag"]) for tag in _LISTED.finditer(found["list"][1:-1])]) or ""


def _unescaped(text: str) -> str:
    """Return the text of a JSON string whose quotes, backslashes and line breaks may stand there as they are."""
    return str(_storable(json.loads(f'"{_ESCAPE.sub(_as_json, text)}"')))


def _as_json(found: re.Match[str]) -> str:
    character = found[0]
    if character == r"\'":
        return "'"
    return character if len(character) > 1 else json.dumps(character)[1:-1]


def _place_of(error: ValueError) -> str:
    """Return the parser's words; they quote nothing of the answer."""
    return "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)


def _wrong_shape(answer: object) -> str:
    if not isinstance(answer, dict):
        return "The answer is not a JSON object."
    problems = []
    if not isinstance(answer.get(CAPTION_KEY), str):
        problems.append(f'"{CAPTION_KEY}" must be a string')
    if _joined(answer.get(HASHTAGS_KEY)) is None:
        problems.append(f'"{HASHTAGS_KEY}" must be a string of the form "#a #b"')
    return f"In the answer {' and '.join(problems)}."
