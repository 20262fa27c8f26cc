"""The post itself: what the model is asked for, what it answered, what is stored."""

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

INSTAGRAM_POST_JSON_SCHEMA: Final[dict[str, Any]] = {
    "type": "json_schema",
    "json_schema": {
        "name": "instagram_post",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "instagram_ad_copy": {
                    "type": "string",
                    "description": "The caption, without the hashtags.",
                },
                "hashtags": {
                    "type": "string",
                    "description": "The hashtags, separated by spaces: #a #b #c",
                },
            },
            "required": ["instagram_ad_copy", "hashtags"],
            "additionalProperties": False,
        },
    },
}
"""The `response_format` of a chat completion that answers with one post.

Strict mode wants every key required and no others; it does not enforce lengths.
"""

# Servers that ignore response_format tend to answer in a Markdown code block.
_FENCE: Final = re.compile(r"```\w*\s*(?P<json>.*)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RawPost:
    """A post as the model wrote it: of the right shape, no rule checked."""

    instagram_ad_copy: str
    hashtags: str


@dataclass(frozen=True, slots=True)
class InstagramPost:
    """A post that Instagram takes; `hashtags` in the seed's form `#a #b`."""

    instagram_ad_copy: str
    hashtags: str


class MalformedPost(Exception):
    """The model's answer is not the JSON asked for; `reason` can be quoted to it."""

    def __init__(self, reason: str) -> None:
        """Take a sentence that says what the answer should have been."""
        self.reason = reason
        super().__init__(reason)


def parse_post(content: str) -> RawPost:
    """Read a model's answer; other keys are ignored, of a list of hashtags each gets a comma behind it.

    Raises:
        MalformedPost: not a JSON object with the two texts.
    """
    answer = _json_of(content)
    if not isinstance(answer, dict):
        raise MalformedPost("The answer is not a JSON object.")
    caption, hashtags = answer.get("instagram_ad_copy"), _joined(answer.get("hashtags"))
    if isinstance(caption, str) and hashtags is not None:
        return RawPost(caption, hashtags)
    raise MalformedPost(_wrong_keys(caption, hashtags))


def _json_of(content: str) -> Any:  # noqa: ANN401 - any JSON value
    text = content.strip()
    if fenced := _FENCE.fullmatch(text):
        text = fenced["json"]
    try:
        return from_json(text.encode(), allow_inf_nan=False)
    except ValueError as error:
        raise MalformedPost(f"The answer is not valid JSON: {error}.") from None


def _joined(hashtags: object) -> str | None:
    if isinstance(hashtags, str):
        return hashtags
    if isinstance(hashtags, list) and all(isinstance(tag, str) for tag in hashtags):
        return "".join(f"{hashtag}," for hashtag in hashtags)  # one may hold spaces
    return None


def _wrong_keys(caption: object, hashtags: str | None) -> str:
    problems = []
    if not isinstance(caption, str):
        problems.append('"instagram_ad_copy" must be a string')
    if hashtags is None:
        problems.append('"hashtags" must be a string of the form "#a #b"')
    return f"In the answer {' and '.join(problems)}."
