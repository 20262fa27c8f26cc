"""The one post in whatever surrounds it: found where it is certain, never guessed."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.completion_reader import read_completion
from consumer.post.answer_reader import MalformedPost, read_post
from schemas.post import RawPost

FIELD = Path(__file__).parents[2] / "fixtures" / "field"
POST = RawPost("오늘의 원두를 만나 보세요.\n성수동에서 기다릴게요.", "#원두 #성수동")
STRICT = json.dumps({"instagram_ad_copy": POST.instagram_ad_copy, "hashtags": POST.hashtags}, ensure_ascii=False)
ESCAPED = json.dumps(json.loads(STRICT))
OTHER = STRICT.replace("오늘의", "내일의")
WRAPPED = '{"post": {"a": [%s]}, "ok": true}'

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
    assert read_post(content) == RawPost(caption, hashtags)


def test_of_a_list_of_hashtags_each_is_kept_apart() -> None:
    assert read_post('{"instagram_ad_copy": "a", "hashtags": ["#a b", "c"]}') == RawPost("a", "#a b,c,")
    assert read_post('{"instagram_ad_copy": "a", "hashtags": []}') == RawPost("a", "")


@pytest.mark.parametrize(
    "content",
    [
        f"물론입니다! {STRICT}",
        f"Here is the post:\n```json\n{STRICT}\n```\nAnything else?",
        f"```\n{STRICT}\n```\n```\n{STRICT}\n```",
        f"{STRICT}\n\n위 글은 요청하신 톤에 맞췄습니다 {{}}.",
        f"<think>\nuse {{json}}: {OTHER}\n</think>\n{STRICT}",
        f"the tag that opens the thoughts is missing: {OTHER}</think>{STRICT}",
        f"<think>one</think><thinking>{OTHER}</thinking>\n\n```json\n{STRICT}\n```",
        f"<|channel|>analysis<|message|>{OTHER}<|end|><|start|>assistant<|channel|>final<|message|>{STRICT}<|return|>",
        "\ufeff" + STRICT,
        "\u200b" + STRICT + "\u200b",
        json.dumps(STRICT),
        json.dumps(json.dumps(STRICT)),
        f"The answer: {json.dumps(STRICT)}",
        f"[{STRICT}]",
        f"[{STRICT}, {STRICT}]",
        WRAPPED % STRICT,
        WRAPPED % json.dumps(STRICT),
        f"Sure: {WRAPPED % STRICT}",
        STRICT.replace("}", ",}"),
        STRICT.replace("}", ",\n}\n"),
        (WRAPPED % STRICT).replace('"}', '",}'),
        f"```json\n{STRICT.replace('}', ',}')}\n```",
        STRICT.replace("\\n", "\n"),
        f"Here:\n{STRICT.replace(chr(92) + 'n', chr(10))}\nBye",
        STRICT.replace('"', "'"),
        STRICT.replace('"', "'").replace("}", ",}"),
        STRICT.replace('"instagram_ad_copy"', "instagram_ad_copy").replace('"hashtags"', "hashtags"),
        STRICT.replace('"instagram_ad_copy"', "“instagram_ad_copy”"),
        '{"hashtags": "#원두 #성수동", "instagram_ad_copy": "오늘의 원두를 만나 보세요.\n성수동에서 기다릴게요.",}',
        STRICT.replace("instagram_ad_copy", "instagramAdCopy"),
        STRICT.replace("instagram_ad_copy", "Instagram Ad Copy").replace("hashtags", "Hashtags"),
        STRICT.replace("}", ', "score": NaN}'),
        STRICT[:-1],
        f"```json\n{STRICT[:-1]}\n```",
        STRICT.replace(", ", ", // the caption\n"),
        STRICT.replace('"', "`"),
        STRICT.replace('"', "&quot;"),
        json.dumps(STRICT)[1:-1],
        f"Sure: {json.dumps(STRICT, ensure_ascii=False)[1:-1]} Bye",
        STRICT.replace("}", ', "note": {"mood": "warm"}}'),
    ],
)
def test_the_post_is_found_in_whatever_surrounds_it(content: str) -> None:
    assert read_post(content) == POST


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"instagram_ad_copy": "그는 "최고"라고 했다", "hashtags": "#a"}', RawPost('그는 "최고"라고 했다', "#a")),
        ("{'instagram_ad_copy': 'It's here', 'hashtags': ['#a', '#b']}", RawPost("It's here", "#a,#b,")),
        ("{'instagram_ad_copy': 'It\\'s here', 'hashtags': '#a'}", RawPost("It's here", "#a")),
        ('{"instagram_ad_copy": "50\\% off C:\\dir", "hashtags": "#a"}', RawPost("50\\% off C:\\dir", "#a")),
        ('{"instagram_ad_copy": "a\tb\\u0021", "hashtags": "#a",}', RawPost("a\tb!", "#a")),
        ('{"instagram_ad_copy": "a \\ud83d", "hashtags": "#a"}', RawPost("a ", "#a")),
        ('{"instagram_ad_copy": "a \ud83d", "hashtags": "#a"}', RawPost("a ", "#a")),
        ('{"instagram_ad_copy": "a", "hashtags": ["#성수동 카페", "#b",],}', RawPost("a", "#성수동 카페,#b,")),
        ('{"instagram_ad_copy": "a", "hashtags": [],}', RawPost("a", "")),
    ],
)
def test_strings_that_are_broken_are_put_right_where_their_borders_are_certain(content: str, expected: RawPost) -> None:
    assert read_post(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        f"{STRICT}\n{OTHER}",
        f"[{STRICT}, {OTHER}]",
        f"First: {STRICT} or, second: {OTHER}",
        f'{{"a": {STRICT}, "b": {OTHER}}}',
    ],
)
def test_two_different_posts_are_a_problem_and_not_a_choice(content: str) -> None:
    with pytest.raises(MalformedPost, match="more than one post"):
        read_post(content)


@pytest.mark.parametrize(
    "content",
    [
        STRICT[:-2],
        STRICT[:-4],
        STRICT[:30],
        f"```json\n{STRICT[:-3]}\n```",
        f"<think>a draft: {STRICT} and then",
        f"<think>a draft: {STRICT}</think>",
        '{"instagram_ad_copy": "a", "mood": "b" "hashtags": "#a"}',
        "{'instagram_ad_copy': 'a', 'mood': 'b', 'hashtags': '#a'}",
        '{"instagram_ad_copy": "a" "hashtags": "#a"}',
        '{"instagram_ad_copy": "a\n", "hashtags": "#a", "note: "b"}',
        "instagram_ad_copy: a\nhashtags: #a",
    ],
)
def test_what_is_cut_off_or_uncertain_is_not_guessed(content: str) -> None:
    with pytest.raises(MalformedPost):
        read_post(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not valid JSON"),
        ("Here is your post!", "not valid JSON"),
        ('{"instagram_ad_copy": "a", "hash', "not valid JSON"),
        ('{"instagram_ad_copy": "a", "hashtags": NaN}', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('["a", "#a"]', "not a JSON object"),
        ('"a"', "not a JSON object"),
        ('{"hashtags": "#a"}', '"instagram_ad_copy" must be a string'),
        ('{"instagram_ad_copy": null, "hashtags": "#a"}', '"instagram_ad_copy" must be a string'),
        ('{"instagram_ad_copy": "a", "hashtags": ["#a", 1]}', '"hashtags" must be a string'),
        ('{"instagram_ad_copy": "a", "InstagramAdCopy": "b", "Hashtags": "#a"}', '"hashtags" must be a string'),
        ("{}", '"instagram_ad_copy" must be a string and "hashtags" must be a string'),
    ],
)
def test_an_answer_of_another_shape_is_refused_with_a_reason_to_quote(content: str, reason: str) -> None:
    with pytest.raises(MalformedPost) as caught:
        read_post(content)
    assert reason in caught.value.reason
    assert str(caught.value) == caught.value.reason
    assert caught.value.reason.encode()


def field_cases() -> list[Any]:
    lines = (FIELD / "answers.jsonl").read_text().splitlines()
    cases = [case for case in map(json.loads, lines) if "post" in case["want"]]
    return [pytest.param(case, id=case["case"]) for case in cases]


@pytest.mark.parametrize("case", field_cases())
def test_an_answer_from_the_field_is_read_as_a_reasonable_user_expects(case: dict[str, Any]) -> None:
    choice = {"message": case["message"], "finish_reason": case["finish_reason"]}
    body = json.dumps({"choices": [choice], "usage": case["usage"]}).encode()
    completion = read_completion(body, latency_ms=1.0)
    assert read_post(completion.content) == RawPost(**case["want"]["post"])
    if "prompt_tokens" in case["want"]:
        assert completion.prompt_tokens == case["want"]["prompt_tokens"]


pieces = st.sampled_from(
    [
        STRICT,
        OTHER,
        ESCAPED,
        STRICT[:-2],
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\\",
        ",",
        "<think>",
        "</think>",
        "```json\n",
        "instagram_ad_copy",
        '"hashtags":',
        "\ud800",
        "\\ud800",
        "\x00",
        "\n",
    ]
)
answers = st.lists(pieces | st.text(max_size=5), max_size=8).map("".join)


@given(answers | st.text())
def test_any_answer_is_a_post_that_can_be_stored_or_malformed(content: str) -> None:
    try:
        post = read_post(content)
    except MalformedPost as malformed:
        assert malformed.reason.endswith(".")  # noqa: PT017 - both ends are right
    else:
        assert post.instagram_ad_copy.encode()
        assert post.hashtags.encode()


@pytest.mark.parametrize(
    "piece", ["{", '{"a":', "<think>", "</think>", '"{\\', "[", '{"instagram_ad_copy": "', "{'hashtags':", "\\", " "]
)
def test_an_answer_made_to_be_slow_is_read_at_once(piece: str) -> None:
    started_s = time.perf_counter()
    with pytest.raises(MalformedPost):
        read_post(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started_s < 2
