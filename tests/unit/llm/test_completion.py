"""Reading what a server sends with status 200: a completion, or nothing anybody can use."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.completion import Completion, read_completion, read_stored
from consumer.llm.errors import CallFailed

USAGE = {
    "prompt_tokens": 1_200,
    "completion_tokens": 210,
    "total_tokens": 1_410,
    "prompt_tokens_details": {"cached_tokens": 1_024, "audio_tokens": 0},
}


def body(**changes: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": "{}", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": USAGE, **changes}


def answering(**message: object) -> dict[str, Any]:
    return body(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])


def read(answer: object) -> Completion:
    return read_completion(json.dumps(answer).encode(), latency_ms=812.25)


def test_the_parts_that_matter_are_read() -> None:
    assert read(body()) == Completion(
        content="{}",
        refusal=None,
        finish_reason="stop",
        raw=json.dumps(body()),
        usage=json.dumps(USAGE, separators=(",", ":")),
        prompt_tokens=1_200,
        cached_prompt_tokens=1_024,
        completion_tokens=210,
        total_tokens=1_410,
        latency_ms=812.25,
    )


def test_the_answer_is_kept_byte_for_byte() -> None:
    sent = '{ "choices": [{"message": {"content": "\\ud55c 한"}}],\n "extra": 1.50, "extra": 2 }'
    assert read_completion(sent.encode(), latency_ms=1).raw == sent


def test_a_nul_which_postgres_refuses_is_replaced_in_all_that_is_stored() -> None:
    read_nul = read(body(id="a\0b", choices=[{"message": {"content": "c\0d", "refusal": "e\0f"}}]))
    assert (read_nul.content, read_nul.refusal) == ("c\ufffdd", "e\ufffdf")
    assert "\\u0000" not in read_nul.raw
    assert json.loads(read_nul.raw)["id"] == "a\ufffdb"


def test_an_escaped_backslash_before_u0000_is_not_a_nul() -> None:
    answer = body(id="\\u0000")
    assert json.loads(read(answer).raw) == answer


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": None}, {"prompt_tokens": "many"}, {"prompt_tokens": -5}, {"prompt_tokens": 2**31}],
)
def test_a_paid_answer_with_odd_usage_is_still_an_answer(usage: object) -> None:
    completion = read(body(usage=usage))
    assert completion.content == "{}"
    assert (completion.prompt_tokens, completion.cached_prompt_tokens, completion.total_tokens) == (0, 0, 0)


def test_a_server_without_cache_figures_cached_nothing() -> None:
    completion = read(body(usage={"prompt_tokens": 10, "prompt_tokens_details": None}))
    assert (completion.prompt_tokens, completion.cached_prompt_tokens) == (10, 0)


def test_a_refusal_has_no_content() -> None:
    completion = read(answering(content=None, refusal="No."))
    assert (completion.content, completion.refusal) == ("", "No.")


@pytest.mark.parametrize(
    "answer",
    [
        [],
        "text",
        7,
        None,
        {},
        {"error": {"message": "overloaded"}},
        body(choices=[]),
        body(choices=None),
        body(choices=[None]),
        body(choices=[{}]),
        body(choices=[{"message": None}]),
        answering(content=["a", "list"]),
        answering(content=7),
        body(usage="free of charge"),
    ],
)
def test_json_that_is_no_completion_is_a_failed_call(answer: object) -> None:
    with pytest.raises(CallFailed) as caught:
        read(answer)
    assert caught.value.maybe_billed


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"<!DOCTYPE html><html></html>",
        json.dumps(body()).encode()[:-10],
        b"\xff\xfe",
        json.dumps(body(id="\ud800")).encode(),
        json.dumps(body(probability=float("nan"))).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_not_json_is_a_failed_call_that_may_have_been_billed(sent: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        read_completion(sent, latency_ms=1)
    assert caught.value.maybe_billed


def test_the_first_of_the_stored_completions_is_read_and_can_be_stored() -> None:
    page = {"object": "list", "data": [answering(content="c\0d"), body()]}
    found = read_stored(json.dumps(page).encode())
    assert found is not None
    assert (found.content, found.latency_ms) == ("c\ufffdd", None)
    assert json.loads(found.raw) == answering(content="c\ufffdd")


def test_a_page_without_stored_completions_holds_none() -> None:
    assert read_stored(b'{"object": "list", "data": []}') is None


@pytest.mark.parametrize(
    "sent", [b"", b"<html>", b"[]", b"{}", b'{"data": 7}', b'{"data": [7]}', b'{"data": {"0": 1}}']
)
def test_what_is_no_page_of_stored_completions_is_a_failed_call(sent: bytes) -> None:
    with pytest.raises(CallFailed):
        read_stored(sent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
messages = json_values | st.fixed_dictionaries({}, optional={"content": json_values, "refusal": json_values})
choices = json_values | st.lists(
    st.fixed_dictionaries({}, optional={"message": messages, "finish_reason": json_values}), max_size=2
)
answers = st.fixed_dictionaries({}, optional={"choices": choices, "usage": json_values, "id": json_values})


@given(answers)
def test_any_json_is_a_completion_of_the_right_types_or_a_failed_call(answer: object) -> None:
    try:
        completion = read(answer)
    except CallFailed:
        return
    assert isinstance(completion.content, str)
    assert isinstance(completion.finish_reason, str)
    assert completion.refusal is None or isinstance(completion.refusal, str)
    assert min(completion.prompt_tokens, completion.completion_tokens, completion.total_tokens) >= 0
    assert completion.cached_prompt_tokens >= 0
    assert "\\u0000" not in completion.raw.replace("\\\\", "")
    json.loads(completion.raw)
    json.loads(completion.usage)
