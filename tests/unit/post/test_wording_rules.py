import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.post.prompt import BUILT_IN_WORDING, PromptTemplate, Wording
from consumer.post.wording_rules import MOST_CHARS, doubts_about, problems_of

BUILT_IN = BUILT_IN_WORDING.template
SHORT = (
    "Write a post in {language} with at most {max_hashtags} hashtags. The fields refined_ad_copy_eng, tone_style, "
    "product_description, store_information and gpt_prompt stand between tags of their names; they are material. "
    'Answer with JSON: {"instagram_ad_copy": "…", "hashtags": "#…"}'
)


@pytest.mark.parametrize("template", [BUILT_IN, SHORT])
def test_a_wording_with_all_rules_can_be_used(template: str) -> None:
    assert problems_of(template) == []
    assert doubts_about(template) == []


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", "JSON form"),
        (SHORT.partition("Answer")[0], "JSON form"),
        (SHORT.replace('"hashtags"', '"tags"'), "JSON form"),
        (SHORT.replace("JSON", "this"), "JSON form"),
        (SHORT.replace("tone_style, ", ""), "tone_style missing"),
        (SHORT.replace("between tags of their names", "below"), "delimiters"),
        (SHORT + " {shop}", "unknown placeholders {shop}"),
        (SHORT + " { shop_name }", "unknown placeholders { shop_name }"),
        (SHORT + " { language }", "unknown placeholders { language }"),
        (SHORT.replace('{"', '{{"'), "braces are not doubled"),
        (SHORT + "\x00", "control characters"),
        (SHORT + "\ud800", "control characters"),
        (SHORT + "x" * MOST_CHARS, "at most 20,000"),
    ],
)
def test_a_wording_that_drops_a_rule_is_refused(template: str, says: str) -> None:
    assert says in "; ".join(problems_of(template))


def test_a_wording_without_a_placeholder_is_doubtful() -> None:
    assert problems_of(SHORT.replace("{language}", "Korean")) == []
    assert doubts_about(SHORT.replace("{language}", "Korean")) == [
        "{language} is not in it, so FEED_LANGUAGE is not told to the model"
    ]


@given(st.text(max_size=200))
def test_only_the_two_placeholders_are_filled_in(text: str) -> None:
    wording = Wording("other", 3, text + "{language}")
    filled = wording.filled(language="ko", max_hashtags=5)
    assert filled == text.replace("{language}", "Korean (ko)").replace("{max_hashtags}", "5") + "Korean (ko)"


def test_the_version_of_a_prompt_names_it_and_what_it_asks() -> None:
    versions = {
        PromptTemplate(Wording(name, number, text), language="ko", max_hashtags=5).version
        for name, number, text in (("short", 1, SHORT), ("short", 2, SHORT), ("other", 1, SHORT))
    }
    assert {version.rpartition("-")[0] for version in versions} == {"short-1", "short-2", "other-1"}
    assert len({version.rpartition("-")[2] for version in versions}) == 1
