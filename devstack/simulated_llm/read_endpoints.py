"""The reading half of the API: models, and completions that were stored."""

import re

from pydantic import ValidationError

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.http_answers import check_api_key, invalid_query, json_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.stored_completions import StoredQuery

_METADATA_PARAMETER = re.compile(r"metadata\[(.*)\]")


async def list_models(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/models``."""
    check_api_key(account, request)
    models = [model.json() for model in account.models.models]
    return json_answer({"object": "list", "data": models})


async def get_model(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/models/{id}``."""
    check_api_key(account, request)
    name = _last_segment(request)
    model = account.models.find(name)
    if model is None:
        raise openai_errors.model_not_found(name)
    return json_answer(model.json() | {"id": name})


async def list_stored(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/chat/completions``: the stored completions, a page at a time."""
    check_api_key(account, request)
    return json_answer(account.stored.page(_stored_query(request)))


async def get_stored(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /v1/chat/completions/{id}``."""
    check_api_key(account, request)
    completion_id = _last_segment(request)
    stored = account.stored.get(completion_id)
    if stored is None:
        raise openai_errors.completion_not_found(completion_id)
    return json_answer(stored)


def _stored_query(request: HttpRequest) -> StoredQuery:
    parameters: dict[str, object] = dict(request.query)
    metadata = {name[1]: value for key, value in request.query.items() if (name := _METADATA_PARAMETER.fullmatch(key))}
    try:
        return StoredQuery.model_validate(parameters | {"metadata": metadata})
    except ValidationError as error:
        raise invalid_query(error) from error


def _last_segment(request: HttpRequest) -> str:
    return request.path.rpartition("/")[2]
