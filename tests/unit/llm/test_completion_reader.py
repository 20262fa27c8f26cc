"""Reading what a server sends with status 200: a completion, or nothing anybody can use."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.completion import Completion, Ending, ending_of
from consumer.llm.completion_reader import ErrorInside, read_completion, read_stored, tokens_told
from consumer.llm.errors import CallFailed
from consumer.llm.usage import UNKNOWN, tokens_of

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
        received=json.dumps(body()).encode(),
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


@pytest.mark.parametrize("usage", [None, {}, "free of charge", [], {"prompt_tokens": "many"}])
def test_a_paid_answer_with_odd_usage_is_still_an_answer_and_its_usage_unknown(usage: object) -> None:
    completion = read(body(usage=usage))
    assert completion.content == "{}"
    assert (completion.prompt_tokens, completion.cached_prompt_tokens, completion.total_tokens) == (None, None, None)


def test_a_text_of_no_tokens_is_a_count_that_nobody_made() -> None:
    completion = read(body(usage={"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}))
    assert (completion.prompt_tokens, completion.completion_tokens, completion.total_tokens) == (10, None, None)


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
        body(choices=[]),
        body(choices=None),
        body(choices=[None]),
        body(choices=[{}]),
        body(choices=[{"message": None}]),
        {"id": "chatcmpl-1", "detail": None},
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
        b"[" * 100_000,
        b'data: {"choices": [{"delta": {"content": "half"}}]}',
    ],
)
def test_what_is_not_json_is_a_failed_call_that_may_have_been_billed(sent: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        read_completion(sent, latency_ms=1)
    assert caught.value.maybe_billed


@pytest.mark.parametrize(
    "sent",
    [
        "\ufeff".encode() + json.dumps(body()).encode(),
        json.dumps(body(id="\ud800")).encode(),
        json.dumps(body(probability=float("nan"))).encode(),
        json.dumps(body()).encode().replace(b"chatcmpl-1", b"chatcmpl-\xff"),
    ],
    ids=["byte order mark", "half a surrogate pair", "NaN", "a byte that is no UTF-8"],
)
def test_a_paid_answer_that_is_not_quite_json_is_read_and_can_be_stored(sent: bytes) -> None:
    completion = read_completion(sent, latency_ms=1)
    assert (completion.content, completion.total_tokens) == ("{}", 1_410)
    assert json.loads(completion.raw)["object"] == "chat.completion"
    assert "NaN" not in completion.raw
    assert completion.raw.encode()


TEXT = '{"instagram_ad_copy": "글", "hashtags": "#글"}'


@pytest.mark.parametrize(
    "message",
    [
        {"content": TEXT},
        {"content": [{"type": "text", "text": TEXT}]},
        {"content": [{"type": "thinking", "thinking": "hm", "text": "hm"}, {"type": "output_text", "text": TEXT}]},
        {"content": [TEXT[:10], TEXT[10:]]},
        {"content": [{"type": "text", "text": {"value": TEXT, "annotations": []}}]},
        {"content": None, "tool_calls": [{"function": {"name": "post", "arguments": TEXT}}]},
        {"content": "", "tool_calls": [{"type": "function", "function": {"arguments": json.loads(TEXT)}}]},
        {"content": None, "function_call": {"name": "post", "arguments": TEXT}},
        {"content": json.loads(TEXT)},
        {"content": None, "parsed": json.loads(TEXT)},
        {"content": [{"type": "tool_use", "name": "post", "input": json.loads(TEXT)}]},
    ],
)
def test_what_the_model_says_is_found_wherever_it_stands(message: dict[str, object]) -> None:
    assert json.loads(read(answering(**message)).content) == json.loads(TEXT)


@pytest.mark.parametrize("message", [{}, {"content": 7}, {"content": []}, {"tool_calls": [None, 7, {}]}])
def test_a_message_without_a_text_is_a_completion_that_says_nothing(message: dict[str, object]) -> None:
    assert read(answering(**message)).content == ""


def test_a_text_in_the_second_choice_is_found() -> None:
    choices = [{"message": {"content": None}}, {"message": {"content": TEXT}, "finish_reason": "tool_calls"}]
    assert read(body(choices=choices)).content == TEXT


def test_a_refusal_among_the_parts_is_a_refusal() -> None:
    completion = read(answering(content=[{"type": "refusal", "refusal": "No."}]))
    assert (completion.content, completion.refusal) == ("", "No.")


def test_a_stream_that_nobody_asked_for_is_put_together() -> None:
    pieces: list[dict[str, Any]] = [
        {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "{"}, "finish_reason": None}]},
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "}"}, "finish_reason": "stop"}]},
        {"id": "1", "choices": [], "usage": USAGE},
    ]
    sent = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"
    completion = read_completion(sent.encode(), latency_ms=1)
    assert (completion.content, completion.finish_reason, completion.total_tokens) == ("{}", "stop", 1_410)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "overloaded", "code": 502}},
        {"error": "overloaded", "choices": []},
        {"detail": "overloaded"},
        body(choices=[{"error": {"code": 502, "message": "overloaded"}, "finish_reason": "error"}]),
        body(choices=[{"error": {"code": 502}, "message": {"content": ""}, "finish_reason": "error"}]),
    ],
)
def test_an_error_with_status_200_is_handed_on_as_the_error_it_is(answer: object) -> None:
    with pytest.raises(ErrorInside) as caught:
        read(answer)
    assert isinstance(caught.value.body, dict)


def test_a_draft_that_was_kept_with_its_error_is_read_again() -> None:
    completion = read({"error": {"message": "no JSON", "code": "json_validate_failed", "failed_generation": TEXT}})
    assert (completion.content, completion.total_tokens) == (TEXT, None)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "an empty body"),
        (b"no healthy upstream", "'no healthy upstream'"),
        (b"<html><head><title>Sign in</title>", "a web page, 'Sign in'"),
        (b'{"object": "list", "data": []}', "an object with data, object"),
        (b'{"choices": [{"message": {"content": "a shop', "44 characters that are not JSON"),
        (b"[1]", "JSON of type list"),
    ],
)
def test_what_came_instead_is_said_without_the_texts_of_a_shop(sent: bytes, told: str) -> None:
    with pytest.raises(CallFailed, match="not a chat completion") as caught:
        read_completion(sent, latency_ms=1)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("finish_reason", "ending"),
    [
        ("stop", Ending.COMPLETE),
        ("end_turn", Ending.COMPLETE),
        ("STOP", Ending.COMPLETE),
        ("tool_calls", Ending.COMPLETE),
        ("", Ending.COMPLETE),
        ("eos", Ending.COMPLETE),
        ("length", Ending.CUT_OFF),
        ("max_tokens", Ending.CUT_OFF),
        ("MAX_TOKENS", Ending.CUT_OFF),
        ("FINISH_REASON_MAX_TOKENS", Ending.CUT_OFF),
        ("model_length", Ending.CUT_OFF),
        ("content_filter", Ending.FILTERED),
        ("SAFETY", Ending.FILTERED),
        ("PROHIBITED_CONTENT", Ending.FILTERED),
        ("RECITATION", Ending.FILTERED),
        ("sensitive", Ending.FILTERED),
        ("insufficient_system_resource", Ending.FAILED),
    ],
)
def test_why_a_model_stopped_is_known_in_every_spelling(finish_reason: str, ending: Ending) -> None:
    assert ending_of(finish_reason) is ending


def test_a_generation_that_broke_off_without_a_text_is_a_failed_call() -> None:
    with pytest.raises(CallFailed):
        read(body(choices=[{"message": {"content": ""}, "finish_reason": "network_error"}]))


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
    except (CallFailed, ErrorInside):
        return
    assert isinstance(completion.content, str)
    assert isinstance(completion.finish_reason, str)
    assert completion.refusal is None or isinstance(completion.refusal, str)
    counts = (completion.prompt_tokens, completion.completion_tokens, completion.total_tokens)
    assert all(count is None or count >= 0 for count in counts)
    assert "\\u0000" not in completion.raw.replace("\\\\", "")
    json.loads(completion.raw)
    json.loads(completion.usage)


WITH_USAGE = json.dumps({"error": {"message": "overloaded"}, "usage": USAGE, "id": "x"}).encode()


@pytest.mark.parametrize("length", range(len(WITH_USAGE) + 1))
def test_of_an_answer_that_is_cut_off_no_figure_is_read_that_may_be_cut_off_too(length: int) -> None:
    """Found by chaos: a count without its last digits was booked as the usage."""
    assert tokens_told(WITH_USAGE[:length]) in (UNKNOWN, tokens_of(USAGE))


def test_the_usage_of_an_answer_that_is_no_completion_is_read() -> None:
    assert tokens_told(WITH_USAGE) == tokens_of(USAGE)
    assert tokens_told(b"<html>") == tokens_told(b'{"usage": null}') == UNKNOWN
