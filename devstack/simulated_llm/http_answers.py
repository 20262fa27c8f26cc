"""Answers over HTTP: JSON, OpenAI's error shape, and the bearer token."""

from collections.abc import Mapping

from aiohttp import hdrs
from aiohttp.web import BaseRequest, Response
from pydantic_core import to_json

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.openai_errors import ApiError
from devstack.simulated_llm.world import World


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with any JSON value or pydantic model."""
    return json_bytes_answer(to_json(value), status, headers)


def json_bytes_answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that is already serialised."""
    return Response(body=body, status=status, headers=headers, content_type="application/json")


def error_answer(error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an error in OpenAI's shape."""
    return json_answer(error.body(), error.status, {**(headers or {}), **error.headers})


def check_api_key(world: World, request: BaseRequest) -> None:
    """Raise ApiError 401 unless the request carries an acceptable bearer token."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise openai_errors.missing_api_key()
    if world.api_key is not None and token != world.api_key:
        raise openai_errors.incorrect_api_key()
