"""Answers over HTTP: JSON, OpenAI's error shape, and the bearer token."""

from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import to_json

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.openai_errors import ApiError


def json_answer(value: object) -> HttpResponse:
    """Answer with any JSON value or pydantic model."""
    return HttpResponse(body=to_json(value))


def error_answer(error: ApiError, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Answer with an error in OpenAI's shape."""
    return HttpResponse(error.status, to_json(error.body()), headers={**(headers or {}), **error.headers})


def check_api_key(account: Account, request: HttpRequest) -> None:
    """Raise ApiError 401 unless the request carries an acceptable bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise openai_errors.missing_api_key()
    if account.api_key is not None and token != account.api_key:
        raise openai_errors.incorrect_api_key()


def invalid_query(error: ValidationError) -> ApiError:
    """Return the 400 that names the first parameter that is wrong."""
    problem = error.errors()[0]
    param = ".".join(map(str, problem["loc"]))
    return openai_errors.bad_request(f"Invalid value for '{param}': {problem['msg']}.", param, "invalid_value")
