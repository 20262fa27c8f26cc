"""Reading a file of results in groups of complete lines, however large the file is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json, to_json

from consumer.llm.batches.custom_ids import call_of
from consumer.llm.batches.port import FileCutOff, FileReader
from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.completion_reader import ErrorInside, completion_of, tokens_told
from consumer.llm.errors import CallFailed, LlmError, Received
from consumer.llm.lenient_json import parsed
from consumer.llm.status import error_of

GROUP_LINES = 500
LONGEST_LINE = 16 * 1024 * 1024  # more than this without a line break is not a file of results


@dataclass(frozen=True, slots=True)
class Result:
    """One line: the id of its call (None if foreign), and its completion or error."""

    call_id: CallId | None
    outcome: Completion | LlmError


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """Some lines in order, and the end position of the last, in bytes."""

    lines: tuple[bytes, ...]
    end: int


async def groups(provider: FileReader, file_id: str, begin: int) -> AsyncIterator[ResultGroup]:
    """Yield the lines of a file from this position on.

    Raises:
        FileCutOff: the file was truncated; all complete lines were yielded.
        BatchProviderError: it cannot be read.
    """
    size = await provider.size(file_id)
    rest, end, lines = b"", begin, list[bytes]()
    async for chunk in provider.read(file_id, begin):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise FileCutOff(f"a line of file {file_id} is longer than {LONGEST_LINE:,} bytes")
        for line in whole:
            lines.append(line)
            end += len(line) + 1
            if len(lines) >= GROUP_LINES:
                yield ResultGroup(tuple(lines), end)
                lines.clear()
    if rest and _is_whole(rest):
        lines.append(rest)
        end += len(rest)
        rest = b""
    if lines:
        yield ResultGroup(tuple(lines), end)
    if rest or end < size:
        raise FileCutOff(f"file {file_id} ended after {end + len(rest):,} of {size:,} bytes")


def read_result(line: bytes) -> Result:
    """Parse one line. Never raises: a malformed line is a failed call without an id."""
    said, _ = parsed(line)
    if not isinstance(said, dict):
        return Result(None, CallFailed("a line that is not a JSON object"))
    return Result(call_of(said.get("custom_id")), _outcome(said))


def _outcome(said: dict[str, Any]) -> Completion | LlmError:
    match said.get("response"):
        case {"status_code": HTTPStatus.OK, "body": dict() as body}:
            return _completion(body)
        case {"status_code": int(status), "body": body}:
            received = _as_json(body)
            error = error_of(status, received, {}, now=datetime.now(UTC))
            error.received = Received(body=received, tokens=tokens_told(received), latency_ms=None)
            return error
        case _:
            told = said.get("error")
            code = told.get("code") if isinstance(told, dict) else None
            return CallFailed(f"not answered in the batch ({code or 'no reason is told'})")


def _completion(body: dict[str, Any]) -> Completion | LlmError:
    received = _as_json(body)
    try:
        return completion_of(body, raw=received.decode(), received=received, latency_ms=None)
    except ErrorInside as inside:
        return error_of(HTTPStatus.OK, inside.body, {}, now=datetime.now(UTC))
    except CallFailed as error:
        error.received = Received(body=received, tokens=tokens_told(received), latency_ms=None)
        return error


def _as_json(body: object) -> bytes:
    return to_json(body, inf_nan_mode="null")


def _is_whole(line: bytes) -> bool:
    try:
        from_json(line)
    except ValueError:
        return False
    return True
