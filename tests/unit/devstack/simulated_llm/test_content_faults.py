import json

import pytest

from devstack.simulated_llm.content_faults import spoiled_answer
from devstack.simulated_llm.faults import AnswerFaultKind, PostFaultKind
from devstack.simulated_llm.post_writer import Post

POST = Post(caption="오늘의 셔츠를 소개해요. " * 10, hashtags="#셔츠 #신상 #추천")


def spoiled_post(kind: PostFaultKind) -> Post:
    answer = spoiled_answer(kind, POST)
    assert answer.finish_reason == "stop"
    content = json.loads(answer.content or "")
    return Post(content["instagram_ad_copy"], content["hashtags"])


@pytest.mark.parametrize("kind", ["invalid_json_content", "length"])
def test_content_that_is_cut_off_is_not_json(kind: AnswerFaultKind) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoiled_answer(kind, POST).content or "")


def test_only_the_length_fault_says_that_it_is_cut_off() -> None:
    assert spoiled_answer("invalid_json_content", POST).finish_reason == "stop"
    assert spoiled_answer("length", POST).finish_reason == "length"


def test_a_schema_violation_is_json_without_the_keys_asked_for() -> None:
    content = json.loads(spoiled_answer("schema_violation", POST).content or "")
    assert not {"instagram_ad_copy", "hashtags"} & content.keys()


def test_a_filtered_answer_is_empty_and_says_so() -> None:
    answer = spoiled_answer("content_filter", POST)
    assert (answer.content, answer.finish_reason) == ("", "content_filter")


def test_a_refusal_has_no_content() -> None:
    answer = spoiled_answer("refusal", POST)
    assert answer.content is None
    assert answer.refusal


def test_31_hashtags_are_31_different_ones() -> None:
    assert len(set(spoiled_post("hashtags_31").hashtags.split())) == 31


def test_a_long_caption_has_3000_characters() -> None:
    assert len(spoiled_post("caption_3000").caption) == 3000


def test_many_mentions_are_more_than_instagrams_20() -> None:
    assert spoiled_post("many_mentions").caption.count("@") == 21


def test_a_nul_character_is_in_the_caption() -> None:
    assert "\x00" in spoiled_post("nul_character").caption


def test_an_empty_caption_leaves_the_hashtags() -> None:
    assert spoiled_post("empty_caption") == Post("", POST.hashtags)
