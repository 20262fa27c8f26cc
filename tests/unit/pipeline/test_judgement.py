import json

import pytest

from consumer.pipeline.judgement import CutOff, Declined, Unusable, Usable, judge
from schemas.post import InstagramPost
from schemas.reasons import Reason
from tests.support.examples import completion

CONTENT = json.dumps({"instagram_ad_copy": "가을 니트 💛", "hashtags": "#가을 #니트"})


def test_a_post_within_the_rules_is_usable() -> None:
    verdict = judge(completion(content=CONTENT), max_hashtags=5)
    assert verdict == Usable(InstagramPost("가을 니트 💛", "#가을 #니트"))


def test_what_a_rewrite_fixes_needs_no_other_answer() -> None:
    content = json.dumps({"instagram_ad_copy": "가을 니트", "hashtags": "#a #b #c #d #e #f"})
    verdict = judge(completion(content=content), max_hashtags=2)
    assert verdict == Usable(InstagramPost("가을 니트", "#a #b"))


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
    verdict = judge(completion(content=content), max_hashtags=5)
    assert isinstance(verdict, Unusable)
    assert problem in verdict.problems


@pytest.mark.parametrize("finish_reason", ["length", "max_tokens", "MAX_TOKENS"])
def test_an_answer_at_the_token_limit_is_cut_off_unless_its_post_is_whole(finish_reason: str) -> None:
    assert judge(completion(content=CONTENT[:-4], finish_reason=finish_reason), max_hashtags=5) == CutOff()
    whole = judge(completion(content=CONTENT, finish_reason=finish_reason), max_hashtags=5)
    assert whole == Usable(InstagramPost("가을 니트 💛", "#가을 #니트"))


@pytest.mark.parametrize("finish_reason", ["content_filter", "SAFETY", "PROHIBITED_CONTENT", "sensitive"])
def test_a_filtered_answer_is_declined_even_if_it_reads_well(finish_reason: str) -> None:
    verdict = judge(completion(content=CONTENT, finish_reason=finish_reason), max_hashtags=5)
    assert isinstance(verdict, Declined)
    assert verdict.reason == "llm_content_filtered"


def test_a_refusal_is_declined_with_the_model_s_words() -> None:
    verdict = judge(completion(content="", refusal="I cannot help with that."), max_hashtags=5)
    assert verdict == Declined(Reason.LLM_REFUSED, "I cannot help with that.")
