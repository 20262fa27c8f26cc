"""A good post in every shape is told otherwise, and is the same post."""

import json
from typing import Any, get_args

import pytest

from consumer.llm.completion_reader import read_completion
from consumer.post.answer_reader import read_post
from devstack.simulated_llm.answer_shapes import (
    TELLING_SHAPES,
    AnswerShape,
    ContentShape,
    MessageShape,
    UsageShape,
    shaped,
)
from schemas.post import RawPost

POST = RawPost("오늘의 원두, 'it's here'\n성수동에서", "#원두 #성수동")
CONTENT = json.dumps({"instagram_ad_copy": POST.instagram_ad_copy, "hashtags": POST.hashtags}, ensure_ascii=False)
COMPLETION: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": CONTENT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 400, "completion_tokens": 80, "total_tokens": 480},
}
SHAPES = [shape for shapes in (ContentShape, MessageShape, UsageShape) for shape in get_args(shapes)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_another_telling_of_the_same_post(shape: AnswerShape) -> None:
    told = shaped(COMPLETION, shape)
    assert json.dumps(told) != json.dumps(COMPLETION)
    completion = read_completion(json.dumps(told).encode(), latency_ms=1)
    assert read_post(completion.content) == POST
    if shape in TELLING_SHAPES:
        assert (completion.prompt_tokens, completion.completion_tokens, completion.total_tokens) == (400, 80, 480)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_without_a_post_keeps_its_message(shape: AnswerShape) -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "No."}
    told = shaped(COMPLETION | {"choices": [{"message": refusal, "finish_reason": "stop"}]}, shape)
    assert told["choices"] == [{"message": refusal, "finish_reason": "stop"}]
