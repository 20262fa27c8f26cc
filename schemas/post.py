"""The post: the schema for the model, its answer, and what is stored."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

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

Strict mode requires every key and forbids others; it does not enforce lengths.
"""


def post_schema_with_ref() -> dict[str, Any]:
    """Return the schema for a batch line, whose answer begins with the `ref` of its overlay."""
    schema = deepcopy(INSTAGRAM_POST_JSON_SCHEMA)
    post = schema["json_schema"]["schema"]
    ref = {"type": "string", "description": "The ref that the advertisement came with, unchanged."}
    post["properties"] = {"ref": ref, **post["properties"]}
    post["required"] = ["ref", *post["required"]]
    return schema


@dataclass(frozen=True, slots=True)
class RawPost:
    """A post as the model wrote it: valid in form, no rules checked."""

    instagram_ad_copy: str
    hashtags: str


@dataclass(frozen=True, slots=True)
class InstagramPost:
    """A post within Instagram's limits; `hashtags` in the seed's form `#a #b`."""

    instagram_ad_copy: str
    hashtags: str
