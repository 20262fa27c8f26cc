"""``/v1/batches``: create, look, cancel."""

import asyncio

from pydantic import ValidationError

from devstack.simulated_llm import openai_errors, wire_faults
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.batch_jobs import BatchJob, BatchQuery, BatchRequest
from devstack.simulated_llm.batch_processing import batch_identity, process
from devstack.simulated_llm.http_answers import check_api_key, invalid_query, json_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse

_CREATE_KINDS = {"batch_create_late", "batch_create_reset", "batch_create_twice", "batch_drops_metadata"}


async def create_batch(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``POST /v1/batches``; asked twice, it creates two."""
    check_api_key(account, request)
    try:
        asked = BatchRequest.model_validate_json(request.body)
    except ValidationError as error:
        raise invalid_query(error) from error
    file = account.files.get(asked.input_file_id)
    if file is None or file.purpose != "batch":
        raise openai_errors.bad_request(f"Invalid file ID: {asked.input_file_id}", "input_file_id")
    job = BatchJob(file.file_id, asked.metadata, account.batch_pace.expires_s)
    found = account.faults.of_batch(account.seed, batch_identity(job), file.name, _CREATE_KINDS)
    faults = {fault.kind: fault for fault in found}
    jobs = [job]
    if "batch_create_twice" in faults:
        jobs.append(BatchJob(file.file_id, asked.metadata, account.batch_pace.expires_s))
    for one in jobs:
        account.batches.add(one, process(account, one, file.content, file.name))
        if "batch_drops_metadata" in faults:
            one.metadata = None
    if late := faults.get("batch_create_late"):
        await asyncio.sleep(late.after_s)
    if "batch_create_reset" in faults:
        return wire_faults.reset_connection(request)
    return json_answer(job.json())


async def list_batches(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/batches``: a page at a time, the newest first."""
    check_api_key(account, request)
    try:
        query = BatchQuery.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid_query(error) from error
    return json_answer(account.batches.page(query))


async def get_batch(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/batches/{id}``."""
    return json_answer(_job(account, request, segment=-1).json())


async def cancel_batch(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``POST /v1/batches/{id}/cancel``: it goes on for a while, and is billed meanwhile."""
    job = _job(account, request, segment=-2)
    if not job.is_open:
        raise openai_errors.batch_has_ended(job.status)
    job.cancel(account.batch_pace.cancelling_s)
    return json_answer(job.json())


def _job(account: Account, request: HttpRequest, *, segment: int) -> BatchJob:
    check_api_key(account, request)
    batch_id = request.path.split("/")[segment]
    job = account.batches.get(batch_id)
    if job is None:
        raise openai_errors.batch_not_found(batch_id)
    return job
