import json

import pytest

from consumer.operations.revisions.reparse import is_same, reparsed
from consumer.operations.revisions.revision_source import CannotRevise
from schemas.post import InstagramPost
from tests.support.examples import stored_feed
from tests.support.quality import context, editor


def raw(content: str, **choice: object) -> str:
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop", **choice}]})


ANSWER = json.dumps({"instagram_ad_copy": "가을 차", "hashtags": "#차 #가을 #세일"})


def test_the_rules_of_today_are_applied_to_the_answer_of_then() -> None:
    feed = stored_feed(gpt_response_raw=raw(ANSWER), instagram_ad_copy="가을 차", hashtags="#차 #가을 #세일")
    assert is_same(feed, reparsed(feed, editor(), context()).post)
    fewer = reparsed(feed, editor(max_hashtags=2), context()).post
    assert fewer == InstagramPost("가을 차", "#차 #가을")
    assert not is_same(feed, fewer)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "purged or never kept"),
        ('{"id": "chatcmpl-1"}', "not a chat completion"),
        (raw(ANSWER[:-9], finish_reason="length"), "cut off"),
        ('{"error": {"message": "overloaded"}}', "an error with status 200"),
        (raw("no JSON"), "not valid JSON"),
        (raw(ANSWER, finish_reason="content_filter"), "llm_content_filtered"),
    ],
)
def test_an_answer_that_gives_no_post_says_why(answer: str | None, why: str) -> None:
    with pytest.raises(CannotRevise, match=why):
        reparsed(stored_feed(gpt_response_raw=answer), editor(), context())
