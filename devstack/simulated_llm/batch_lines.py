"""The lines of a batch: checked when the batch is validated, then answered one by one."""

import secrets
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.answers import answer_to, completion_told
from devstack.simulated_llm.chat_request import check_model_accepts, parse_chat_request
from devstack.simulated_llm.completion import JsonObject, complete
from devstack.simulated_llm.error_faults import error_of
from devstack.simulated_llm.faults import HttpError
from devstack.simulated_llm.known_models import KnownModel
from devstack.simulated_llm.openai_errors import ApiError

MOST_LINES = 50_000


class InputLine(NamedTuple):
    """One request of a batch."""

    custom_id: str
    body: bytes


class LineAnswer(NamedTuple):
    """A line of the output file, or of the error file."""

    is_error: bool
    line: JsonObject


def read_input(content: bytes) -> tuple[list[InputLine], str | None, list[JsonObject]]:
    """Return the requests, their model, and what is wrong with lines: then the batch fails as a whole."""
    lines: list[InputLine] = []
    errors: list[JsonObject] = []
    models: set[str] = set()
    seen: set[str] = set()
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            request: dict[str, Any] = from_json(text)
            custom_id, body, url = request["custom_id"], request["body"], request["url"]
        except (ValueError, KeyError, TypeError):
            errors.append(line_error("invalid_json_line", "This line is not parseable as valid JSON.", number))
            continue
        models.add(str(body.get("model")))
        if url != "/v1/chat/completions":
            errors.append(line_error("invalid_url", "The URL provided for this request does not match.", number))
        elif custom_id in seen:
            errors.append(line_error("duplicate_custom_id", f"The custom_id {custom_id} is not unique.", number))
        elif len(models) > 1:
            errors.append(line_error("mismatched_model", "All requests must have the same model.", number))
        seen.add(custom_id)
        lines.append(InputLine(custom_id, to_json(body)))
    if not lines and not errors:
        errors.append(line_error("empty_file", "The input file is empty.", None))
    if len(lines) > MOST_LINES:
        errors.append(line_error("too_many_tasks", f"The batch has more than {MOST_LINES} requests.", None))
    return lines, next(iter(models), None), errors


def line_error(code: str, message: str, line: int | None) -> JsonObject:
    """Return an entry of a batch's ``errors``."""
    return {"code": code, "message": message, "param": None, "line": line}


def answer_line(account: Account, batch_id: str, model: KnownModel, line: InputLine) -> LineAnswer:
    """Answer one request and bill it; a fault for calls happens to it as far as it is one of content or status."""
    response_id = f"req_{secrets.token_hex(16)}"
    call = account.ledger.open(line.custom_id, response_id)
    call.service, call.batch_id, call.model = "batch", batch_id, model.snapshot
    try:
        chat = parse_chat_request(line.body)
        check_model_accepts(chat, model)
        fault = account.faults.pick(account.seed, account.identify(line.custom_id, call.attempt), chat.user_text)
        call.fault = fault.kind if fault else None
        if error := error_of(fault, model.name):
            raise error
        if isinstance(fault, HttpError):
            call.answered(fault.status, delivered=True)
            return _answered(line.custom_id, fault.status, response_id, fault.body)
        cache = account.prompt_cache.use(model.name, chat.prompt, chat.prompt_tokens)
        completion = complete(chat, model, answer_to(chat, account.seed, fault), cache)
        call.bill(completion)
        call.answered(200, delivered=True)
        return _answered(line.custom_id, 200, response_id, completion_told(completion, fault, account.seed, call))
    except ApiError as error:
        call.answered(error.status, delivered=True)
        return _answered(line.custom_id, error.status, response_id, error.body())
    finally:
        account.ledger.close(call)


def failing_line(line: InputLine, status: int) -> LineAnswer:
    """Answer a request with an error of the server's; nothing is billed."""
    error = openai_errors.server_error()
    return _answered(line.custom_id, status, f"req_{secrets.token_hex(16)}", error.body())


def unanswered_line(line: InputLine, code: str, message: str) -> LineAnswer:
    """Say of a request that the batch ended before its turn."""
    error = {"code": code, "message": message}
    return LineAnswer(
        is_error=True, line={"id": _line_id(), "custom_id": line.custom_id, "response": None, "error": error}
    )


def _answered(custom_id: str, status: int, request_id: str, body: object) -> LineAnswer:
    response = {"status_code": status, "request_id": request_id, "body": body}
    line: JsonObject = {"id": _line_id(), "custom_id": custom_id, "response": response, "error": None}
    return LineAnswer(is_error=status != 200, line=line)  # noqa: PLR2004 - the status of success


def _line_id() -> str:
    return f"batch_req_{secrets.token_hex(16)}"
