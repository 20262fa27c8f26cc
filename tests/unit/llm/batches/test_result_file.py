import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.batches.input_file import file_line, line_bytes
from consumer.llm.batches.port import FileCutOff
from consumer.llm.batches.result_file import groups, read_result
from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.errors import CallFailed, RequestRefused

CALL = CallId(UUID(int=7), 1, 2)
ANSWER = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


class OneFile:
    """A provider with one file, which comes in pieces of a size and ends after so many bytes."""

    def __init__(self, content: bytes, *, piece: int = 7, ends_at: int | None = None) -> None:
        self._content = content
        self._piece = piece
        self._ends_at = len(content) if ends_at is None else ends_at

    async def size(self, file_id: str) -> int:
        """Say how large the file is."""
        assert file_id
        return len(self._content)

    async def read(self, file_id: str, begin: int) -> AsyncIterator[bytes]:
        """Give what there is."""
        assert file_id
        for start in range(begin, self._ends_at, self._piece):
            yield self._content[start : min(start + self._piece, self._ends_at)]


async def lines_read(provider: OneFile, begin: int = 0) -> tuple[list[bytes], int]:
    """All lines, and the place behind the last."""
    lines: list[bytes] = []
    end = begin
    async for group in groups(provider, "file-1", begin):
        lines += group.lines
        end = group.end
    return lines, end


@given(st.lists(st.integers()), st.integers(1, 50), st.booleans())
async def test_lines_come_whole_however_the_file_comes(numbers: list[int], piece: int, has_last_break: bool) -> None:  # noqa: FBT001 - drawn
    expected = [json.dumps({"n": number}).encode() for number in numbers]
    content = b"\n".join(expected) + (b"\n" if has_last_break and expected else b"")
    assert await lines_read(OneFile(content, piece=piece)) == (expected, len(content))


async def test_half_a_line_at_the_end_is_left_to_be_fetched_again() -> None:
    content = b'{"n": 1}\n{"n": 2}\n'
    cut = groups(OneFile(content, ends_at=12), "file-1", 0)
    first = await anext(cut)
    assert (first.lines, first.end) == ((b'{"n": 1}',), 9)
    with pytest.raises(FileCutOff):
        await anext(cut)
    assert await lines_read(OneFile(content), begin=9) == ([b'{"n": 2}'], len(content))


async def test_a_file_that_ends_between_two_lines_is_found_out_by_its_size() -> None:
    with pytest.raises(FileCutOff):
        await lines_read(OneFile(b'{"n": 1}\n{"n": 2}\n', ends_at=9))


def result_line(**changes: object) -> bytes:
    response = {"status_code": 200, "request_id": "req", "body": ANSWER}
    return json.dumps({"custom_id": CALL.client_request_id, "response": response, "error": None, **changes}).encode()


def test_an_answered_line_is_a_completion_of_its_call() -> None:
    result = read_result(result_line())
    assert result.call_id == CALL
    assert isinstance(result.outcome, Completion)
    assert (result.outcome.content, result.outcome.prompt_tokens, result.outcome.latency_ms) == ("ok", 3, None)


def test_a_line_that_is_json_but_for_what_can_be_repaired_is_a_result_all_the_same() -> None:
    choice = {"message": {"content": "ok \ud83d\0"}, "finish_reason": "stop", "logprobs": float("nan")}
    body = {"choices": [choice], "usage": {"prompt_tokens": 3}}
    result = read_result(result_line(response={"status_code": 200, "body": body}))
    assert result.call_id == CALL
    assert isinstance(result.outcome, Completion)
    assert result.outcome.content == "ok \N{REPLACEMENT CHARACTER}"
    assert json.loads(result.outcome.raw)["choices"][0]["logprobs"] is None
    assert result.outcome.received == result.outcome.raw.encode()


def test_a_refused_line_says_whose_fault_it_is() -> None:
    body = {"error": {"message": "Invalid value for 'messages'.", "code": "context_length_exceeded"}}
    refused = read_result(result_line(response={"status_code": 400, "body": body}))
    assert isinstance(refused.outcome, RequestRefused)
    assert refused.outcome.received is not None


def test_a_line_whose_turn_never_came_says_so() -> None:
    late = read_result(result_line(response=None, error={"code": "batch_expired", "message": "…"}))
    assert isinstance(late.outcome, CallFailed)
    assert "batch_expired" in str(late.outcome)


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda one: json.dumps(one).encode())
)
def test_what_is_no_result_is_of_nobody(line: bytes) -> None:
    assert read_result(line).call_id is None


def test_a_line_of_the_input_carries_the_body_as_it_is() -> None:
    body = '{"model":"m","messages":[{"role":"user","content":"가을\\n"}]}'.encode()
    line = file_line(CallId(uuid4(), 1, 1), body)
    assert json.loads(line)["body"] == json.loads(body)
    assert body in line
    assert len(line) <= line_bytes(body)
