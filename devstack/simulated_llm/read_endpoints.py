"""The reading half of the API: models, and completions that were stored."""

import re

from pydantic import ValidationError

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.http_answers import check_api_key, json_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.stored_completions import StoredQuery
from devstack.simulated_llm.world import World

_METADATA_PARAMETER = re.compile(r"metadata\[(.*)\]")


async def list_models(world: World, request: HttpRequest) -> HttpResponse:
    """``GET /v1/models``."""
    check_api_key(world, request)
    models = [model.json() for model in world.models.models]
    return json_answer({"object": "list", "data": models})


async def get_model(world: World, request: HttpRequest) -> HttpResponse:
    """``GET /v1/models/{id}``."""
    check_api_key(world, request)
    name = _last_segment(request)
    model = world.models.find(name)
    if model is None:
        raise openai_errors.model_not_found(name)
    return json_answer(model.json() | {"id": name})


async def list_stored(world: World, request: HttpRequest) -> HttpResponse:
    """``GET /v1/chat/completions``: the stored completions, a page at a time."""
    check_api_key(world, request)
    return json_answer(world.stored.page(_stored_query(request)))


async def get_stored(world: World, request: HttpRequest) -> HttpResponse:
    """``GET /v1/chat/completions/{id}``."""
    check_api_key(world, request)
    completion_id = _last_segment(request)
    stored = world.stored.get(completion_id)
    if stored is None:
        raise openai_errors.completion_not_found(completion_id)
    return json_answer(stored)


def _stored_query(request: HttpRequest) -> StoredQuery:
    parameters: dict[str, object] = dict(request.query)
    metadata = {name[1]: value for key, value in request.query.items() if (name := _METADATA_PARAMETER.fullmatch(key))}
    try:
        return StoredQuery.model_validate(parameters | {"metadata": metadata})
    except ValidationError as error:
        problem = error.errors()[0]
        param = ".".join(map(str, problem["loc"]))
        message = f"Invalid value for '{param}': {problem['msg']}."
        raise openai_errors.bad_request(message, param, "invalid_value") from error


def _last_segment(request: HttpRequest) -> str:
    return request.path.rpartition("/")[2]
