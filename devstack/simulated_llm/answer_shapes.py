"""Shapes in which other models and gateways send a good post: the same completion, paid alike, told otherwise."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal, get_args

ContentShape = Literal[
    "prose_before",
    "fence_with_prose",
    "think_block",
    "string_in_string",
    "list_of_one",
    "wrapped",
    "byte_order_mark",
    "trailing_comma",
    "raw_newline",
    "single_quotes",
]
MessageShape = Literal["parts", "tool_call", "function_call", "whole_at_the_limit"]
UsageShape = Literal["floats", "strings", "details_list", "hidden_reasoning", "usage_null", "usage_missing"]
AnswerShape = ContentShape | MessageShape | UsageShape

# A client cannot know what was used where nobody tells, so these two are for tests that ask for them.
TELLING_SHAPES: tuple[AnswerShape, ...] = tuple(
    shape
    for shapes in (ContentShape, MessageShape, UsageShape)
    for shape in get_args(shapes)
    if shape not in {"usage_null", "usage_missing"}
)

_CONTENT: Mapping[ContentShape, Callable[[str], str]] = {
    "prose_before": lambda content: f"물론입니다! 요청하신 글입니다.\n{content}",
    "fence_with_prose": lambda content: f"Here is the post:\n```json\n{content}\n```\nAnything else?",
    "think_block": lambda content: f"<think>\nThey want {{json}} with two keys.\n</think>\n{content}",
    "string_in_string": json.dumps,
    "list_of_one": lambda content: f"[{content}]",
    "wrapped": lambda content: f'{{"instagram_post": {content}}}',
    "byte_order_mark": lambda content: f"\ufeff{content}",
    "trailing_comma": lambda content: f"{content[:-1]},}}",
    "raw_newline": lambda content: content.replace("\\n", "\n"),
    "single_quotes": lambda content: "{{'instagram_ad_copy': '{}', 'hashtags': '{}'}}".format(*_quoted(content)),
}


def shaped(completion: Mapping[str, Any], shape: AnswerShape) -> dict[str, Any]:
    """Return a ``chat.completion`` object in this shape; one without a post stays as it is."""
    answer = deepcopy(dict(completion))
    choice, usage = answer["choices"][0], answer["usage"]
    content = choice["message"]["content"]
    if shape in get_args(UsageShape):
        _tell_usage(answer, usage, shape)
    elif content and choice["finish_reason"] == "stop":
        _say(choice, content, shape)
    return answer


def _say(choice: dict[str, Any], content: str, shape: AnswerShape) -> None:
    message = choice["message"]
    match shape:
        case "parts":
            message["content"] = [{"type": "text", "text": content}]
        case "tool_call":
            function = {"name": "instagram_post", "arguments": content}
            message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
            choice["finish_reason"] = "tool_calls"
        case "function_call":
            message |= {"content": None, "function_call": {"name": "instagram_post", "arguments": content}}
            choice["finish_reason"] = "function_call"
        case "whole_at_the_limit":
            choice["finish_reason"] = "MAX_TOKENS"
        case _:
            message["content"] = next(change for name, change in _CONTENT.items() if name == shape)(content)


def _tell_usage(answer: dict[str, Any], usage: dict[str, Any], shape: AnswerShape) -> None:
    counts = {name: count for name, count in usage.items() if isinstance(count, int)}
    match shape:
        case "floats":
            usage |= {name: float(count) for name, count in counts.items()}
        case "strings":
            usage |= {name: str(count) for name, count in counts.items()}
        case "details_list":
            usage["completion_tokens_details"] = []
        case "hidden_reasoning":
            # the total is what is billed; the rest of it was thought, not said
            usage["completion_tokens"] //= 2
        case "usage_null":
            answer["usage"] = None
        case "usage_missing":
            del answer["usage"]


def _quoted(content: str) -> list[str]:
    texts = json.loads(content).values()
    return [text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") for text in texts]
