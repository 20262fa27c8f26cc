import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.chat_request import ChatRequest, check_model_accepts, parse_chat_request
from devstack.simulated_llm.known_models import KnownModel, ModelList
from devstack.simulated_llm.openai_errors import ApiError

MESSAGES = [{"role": "system", "content": "Write."}, {"role": "user", "content": "A shirt."}]


def chat(**fields: object) -> ChatRequest:
    return parse_chat_request(json.dumps({"model": "gpt-6-luna", "messages": MESSAGES, **fields}).encode())


def luna() -> KnownModel:
    model = ModelList().find("gpt-6-luna")
    assert model is not None
    return model


def test_messages_may_come_as_texts_or_in_parts() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "A "}, {"type": "text", "text": "shirt."}]}]
    assert chat(messages=parts).user_text == chat().user_text == "A shirt."


def test_fields_the_model_has_no_use_for_are_ignored() -> None:
    assert chat(response_format={"type": "json_schema"}, seed=3).model == "gpt-6-luna"


def test_the_larger_of_prompt_and_answer_limit_counts_against_the_rate() -> None:
    assert chat(max_completion_tokens=800).charged_tokens == 800
    assert chat(max_completion_tokens=1).charged_tokens == chat().prompt_tokens


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "invalid_value"),
        ({"stream": True}, "stream", "invalid_value"),
        ({"metadata": {"a": "b"}}, "metadata", None),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", "invalid_parameter_combination"),
    ],
)
def test_a_wrong_request_is_refused_with_the_parameter_named(
    fields: dict[str, object], param: str, code: str | None
) -> None:
    with pytest.raises(ApiError) as refusal:
        chat(**fields)
    assert (refusal.value.status, refusal.value.param, refusal.value.code) == (400, param, code)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_and_never_crash(body: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_chat_request(body)
    assert refusal.value.status == 400


def test_a_reasoning_model_refuses_a_temperature_unless_it_does_not_reason() -> None:
    check_model_accepts(chat(temperature=0.7, reasoning_effort="none"), luna())
    check_model_accepts(chat(temperature=1), luna())
    with pytest.raises(ApiError) as refusal:
        check_model_accepts(chat(temperature=0.7), luna())
    assert (refusal.value.param, refusal.value.code) == ("temperature", "unsupported_value")


def test_a_reasoning_model_refuses_the_older_token_parameter() -> None:
    with pytest.raises(ApiError) as refusal:
        check_model_accepts(chat(max_tokens=100), luna())
    assert (refusal.value.param, refusal.value.code) == ("max_tokens", "unsupported_parameter")
