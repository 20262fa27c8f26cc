import json

import pytest

from consumer.pipeline.judgement import CutOff, Declined, Unusable, judge
from consumer.post.editor import EditedPost
from schemas.post import InstagramPost
from schemas.reasons import Reason
from tests.support.examples import completion
from tests.support.quality import context, editor

CONTENT = json.dumps({"instagram_ad_copy": "가을 니트 💛", "hashtags": "#가을 #니트"})


def test_a_post_within_the_rules_is_usable() -> None:
    verdict = judge(completion(content=CONTENT), editor(), context())
    assert verdict == EditedPost(InstagramPost("가을 니트 💛", "#가을 #니트"))


def test_what_a_rewrite_fixes_needs_no_other_answer() -> None:
    content = json.dumps({"instagram_ad_copy": "가을 니트", "hashtags": "#a #b #c #d #e #f"})
    verdict = judge(completion(content=content), editor(max_hashtags=2), context())
    assert verdict == EditedPost(InstagramPost("가을 니트", "#a #b"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not valid JSON"),
        (CONTENT[:-4], "not valid JSON"),
        ('{"caption": "a"}', '"instagram_ad_copy" must be a string'),
        ('{"instagram_ad_copy": "", "hashtags": "#a"}', "instagram_ad_copy is empty"),
        (json.dumps({"instagram_ad_copy": "가" * 3_000, "hashtags": "#a"}), "at most 2200"),
        ('{"instagram_ad_copy": "a", "hashtags": ""}', "no valid hashtag"),
    ],
)
def test_what_cannot_be_stored_is_unusable_for_a_reason_to_quote(content: str, problem: str) -> None:
    verdict = judge(completion(content=content), editor(), context())
    assert isinstance(verdict, Unusable)
    assert problem in verdict.problems


@pytest.mark.parametrize("finish_reason", ["length", "max_tokens", "MAX_TOKENS"])
def test_an_answer_at_the_token_limit_is_cut_off_unless_its_post_is_whole(finish_reason: str) -> None:
    assert judge(completion(content=CONTENT[:-4], finish_reason=finish_reason), editor(), context()) == CutOff()
    whole = judge(completion(content=CONTENT, finish_reason=finish_reason), editor(), context())
    assert whole == EditedPost(InstagramPost("가을 니트 💛", "#가을 #니트"))


@pytest.mark.parametrize("finish_reason", ["content_filter", "SAFETY", "PROHIBITED_CONTENT", "sensitive"])
def test_a_filtered_answer_is_declined_even_if_it_reads_well(finish_reason: str) -> None:
    verdict = judge(completion(content=CONTENT, finish_reason=finish_reason), editor(), context())
    assert isinstance(verdict, Declined)
    assert verdict.reason == "llm_content_filtered"


def test_a_refusal_is_declined_with_the_model_s_words() -> None:
    verdict = judge(completion(content="", refusal="I cannot help with that."), editor(), context())
    assert verdict == Declined(Reason.LLM_REFUSED, "I cannot help with that.")


def test_what_the_gate_refuses_is_quoted_to_the_model_and_told_to_nobody_else() -> None:
    content = json.dumps({"instagram_ad_copy": "오늘의 원두 예약은 02-1234-5678", "hashtags": "#원두"})
    verdict = judge(completion(content=content), editor(), context())
    assert isinstance(verdict, Unusable)
    assert "phone" in verdict.problems
    assert "02-1234-5678" in verdict.problems
    assert "phone" in verdict.detail
    assert "1234" not in verdict.detail


def test_what_the_gate_warns_about_goes_with_the_post() -> None:
    content = json.dumps({"instagram_ad_copy": "국내 최고의 원두를 만나 보세요.", "hashtags": "#원두"})
    verdict = judge(completion(content=content), editor(), context())
    assert isinstance(verdict, EditedPost)
    assert [warning.rule for warning in verdict.warnings] == ["claims"]
