"""``/v1/files``: upload, look, read, delete."""

import re
from http import HTTPStatus

from pydantic import ValidationError

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.faults import CallIdentity
from devstack.simulated_llm.http_answers import check_api_key, invalid_query, json_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.multipart import form_parts
from devstack.simulated_llm.stored_files import MOST_BATCH_BYTES, FileQuery, StoredFile

_RANGE = re.compile(r"bytes=(\d+)-")


async def create_file(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``POST /v1/files``."""
    check_api_key(account, request)
    parts = form_parts(request)
    if "file" not in parts or "purpose" not in parts:
        missing = "file" if "file" not in parts else "purpose"
        raise openai_errors.bad_request(f"Missing required parameter: '{missing}'.", missing)
    name, content = parts["file"].file_name or "upload", parts["file"].content
    purpose = parts["purpose"].content.decode()
    if purpose == "batch" and not name.endswith(".jsonl"):
        raise openai_errors.bad_request("Invalid file format for Batch API. Must be .jsonl")
    if purpose == "batch" and len(content) > MOST_BATCH_BYTES:
        raise openai_errors.bad_request(f"File is too large. Maximum size for batch files is {MOST_BATCH_BYTES} bytes.")
    return json_answer(account.files.add(name, purpose, content).json())


async def list_files(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/files``: a page at a time."""
    check_api_key(account, request)
    try:
        query = FileQuery.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid_query(error) from error
    return json_answer(account.files.page(query))


async def get_file(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/files/{id}``."""
    return json_answer(_file(account, request, segment=-1).json())


async def delete_file(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``DELETE /v1/files/{id}``."""
    file = _file(account, request, segment=-1)
    account.files.remove(file.file_id)
    return json_answer({"id": file.file_id, "object": "file", "deleted": True})


async def get_content(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/files/{id}/content``: all of it, or a part where ranges are served."""
    file = _file(account, request, segment=-2)
    content, headers, status = file.content, {}, HTTPStatus.OK
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked and account.batch_pace.serves_ranges:
        begin = int(asked[1])
        if begin >= len(content):
            return HttpResponse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        headers = {"content-range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        content, status = content[begin:], HTTPStatus.PARTIAL_CONTENT
    identity = CallIdentity(file.file_id, 1, None)
    if any(account.faults.of_batch(account.seed, identity, file.name, {"batch_truncated_output"})):
        content = content[: len(content) // 2]
    return HttpResponse(status, content, "application/octet-stream", headers)


def _file(account: Account, request: HttpRequest, *, segment: int) -> StoredFile:
    check_api_key(account, request)
    file_id = request.path.split("/")[segment]
    file = account.files.get(file_id)
    if file is None:
        raise openai_errors.file_not_found(file_id)
    return file
