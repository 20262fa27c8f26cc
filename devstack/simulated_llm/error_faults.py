"""Faults that answer with an error status, before anything is generated or billed."""

from collections.abc import Callable, Mapping

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.faults import (
    FaultRule,
    ModelNotFound,
    PlainError,
    PlainErrorKind,
    RateLimited,
    Unavailable,
)
from devstack.simulated_llm.openai_errors import ApiError
from devstack.simulated_llm.rate_limits import retry_after_headers

_PLAIN_ERRORS: Mapping[PlainErrorKind, Callable[[], ApiError]] = {
    "insufficient_quota": openai_errors.insufficient_quota,
    "unauthorized": openai_errors.incorrect_api_key,
    "forbidden": openai_errors.forbidden,
    "bad_request": openai_errors.invalid_messages,
    "server_error_500": openai_errors.server_error,
    "conflict_409": openai_errors.conflict,
    "timeout_408": openai_errors.request_timeout,
}


def error_of(fault: FaultRule | None, model: str) -> ApiError | None:
    """Return the error a fault answers with, or None where it is of another sort."""
    match fault:
        case PlainError():
            return _PLAIN_ERRORS[fault.kind]()
        case ModelNotFound():
            return openai_errors.model_not_found(model)
        case RateLimited():
            return openai_errors.rate_limited(model, fault.retry_after_s, _retry_after(fault))
        case Unavailable(retry_after_s=None):
            return openai_errors.unavailable({})
        case Unavailable(retry_after_s=float(wait_s)):
            return openai_errors.unavailable(retry_after_headers(wait_s))
        case _:
            return None


def _retry_after(fault: RateLimited) -> dict[str, str]:
    headers = retry_after_headers(fault.retry_after_s)
    if fault.retry_after_header == "both":
        return headers
    return {name: value for name, value in headers.items() if name == fault.retry_after_header}
