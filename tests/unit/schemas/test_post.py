import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.post import INSTAGRAM_POST_JSON_SCHEMA, MalformedPost, RawPost, parse_post

texts = st.text(st.characters(exclude_categories=["Cs"]))
white_space = st.text(" \n\r\t")


@given(
    texts,
    texts,
    white_space,
    st.sampled_from(["{}", "```json\n{}\n```", "```\n{}```", "```JSON {}\n```"]),
    st.booleans(),
)
def test_the_two_texts_are_read_with_or_without_a_code_block_around(
    caption: str,
    hashtags: str,
    around: str,
    block: str,
    ascii_only: bool,  # noqa: FBT001
) -> None:
    answer = json.dumps({"instagram_ad_copy": caption, "hashtags": hashtags, "note": 1}, ensure_ascii=ascii_only)
    content = around + block.replace("{}", answer) + around
    assert parse_post(content) == RawPost(caption, hashtags)


def test_a_list_of_hashtags_is_joined() -> None:
    assert parse_post('{"instagram_ad_copy": "a", "hashtags": ["#a", "b"]}') == RawPost("a", "#a,b,")
    assert parse_post('{"instagram_ad_copy": "a", "hashtags": []}') == RawPost("a", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not valid JSON"),
        ("Here is your post!", "not valid JSON"),
        ('{"instagram_ad_copy": "a", "hash', "not valid JSON"),
        ('{"instagram_ad_copy": "\\ud800", "hashtags": "#a"}', "not valid JSON"),
        ('{"instagram_ad_copy": "\ud800", "hashtags": "#a"}', "not valid JSON"),
        ('{"instagram_ad_copy": "a", "hashtags": NaN}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('["a", "#a"]', "not a JSON object"),
        ('"a"', "not a JSON object"),
        ('{"hashtags": "#a"}', '"instagram_ad_copy" must be a string'),
        ('{"instagram_ad_copy": null, "hashtags": "#a"}', '"instagram_ad_copy" must be a string'),
        ('{"instagram_ad_copy": "a", "hashtags": ["#a", 1]}', '"hashtags" must be a string'),
        ("{}", '"instagram_ad_copy" must be a string and "hashtags" must be a string'),
    ],
)
def test_an_answer_of_another_shape_is_refused_with_a_reason_to_quote(content: str, reason: str) -> None:
    with pytest.raises(MalformedPost) as caught:
        parse_post(content)
    assert reason in caught.value.reason
    assert str(caught.value) == caught.value.reason
    assert caught.value.reason.encode()


@given(st.text())
def test_any_answer_is_a_post_or_malformed(content: str) -> None:
    try:
        parse_post(content)
    except MalformedPost as malformed:
        assert malformed.reason.endswith(".")  # noqa: PT017 - both ends are right


def test_the_schema_is_strict_about_exactly_the_two_texts() -> None:
    described = INSTAGRAM_POST_JSON_SCHEMA["json_schema"]
    schema = described["schema"]
    assert (INSTAGRAM_POST_JSON_SCHEMA["type"], described["name"], described["strict"]) == (
        "json_schema",
        "instagram_post",
        True,
    )
    assert schema["required"] == list(schema["properties"]) == ["instagram_ad_copy", "hashtags"]
    assert {part["type"] for part in schema["properties"].values()} == {"string"}
    assert schema["additionalProperties"] is False
