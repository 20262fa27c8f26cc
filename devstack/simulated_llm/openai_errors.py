"""The errors of OpenAI's API, with the status, wording, type and code it gives them.

Sources: https://platform.openai.com/docs/guides/error-codes and bodies quoted in public issues.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

_INVALID_REQUEST = "invalid_request_error"


@dataclass(slots=True)
class ApiError(Exception):
    """An answer other than 200, in OpenAI's shape ``{"error": {message, type, param, code}}``."""

    status: int
    message: str
    type: str = _INVALID_REQUEST
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, dict[str, str | None]]:
        """Return the JSON body."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


def missing_api_key() -> ApiError:
    """Answer 401: no bearer token."""
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "You didn't provide an API key. You need to provide your API key in an Authorization"
        " header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def incorrect_api_key() -> ApiError:
    """Answer 401: a bearer token that is not the account's."""
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def forbidden() -> ApiError:
    """Answer 403: the account may not use the API from here."""
    return ApiError(
        HTTPStatus.FORBIDDEN,
        "Country, region, or territory not supported",
        type="request_forbidden",
        code="unsupported_country_region_territory",
    )


def model_not_found(model: str) -> ApiError:
    """Answer 404: no such model for this account."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        f"The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def unknown_url(method: str, path: str) -> ApiError:
    """Answer 404: no such endpoint."""
    return ApiError(HTTPStatus.NOT_FOUND, f"Invalid URL ({method} {path})")


def completion_not_found(completion_id: str) -> ApiError:
    """Answer 404: no completion was stored under this id."""
    return ApiError(HTTPStatus.NOT_FOUND, f"Chat completion '{completion_id}' not found.", param="completion_id")


def file_not_found(file_id: str) -> ApiError:
    """Answer 404: no such file."""
    return ApiError(HTTPStatus.NOT_FOUND, f"No such File object: {file_id}", param="id")


def batch_not_found(batch_id: str) -> ApiError:
    """Answer 404: no such batch."""
    return ApiError(HTTPStatus.NOT_FOUND, f"No batch found with id '{batch_id}'.", param="id")


def batch_has_ended(status: str) -> ApiError:
    """Answer 409: what has ended cannot be cancelled."""
    return ApiError(HTTPStatus.CONFLICT, f"Cannot cancel a batch with status '{status}'.")


def no_flex_tier(model: str) -> ApiError:
    """Answer 400: the model has no flex tier."""
    return bad_request(f"Invalid service_tier argument: flex is not available for {model}.", "service_tier")


def flex_unavailable() -> ApiError:
    """Answer 429: no room at the flex tier now; nothing is billed."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Flex is currently unavailable for this request due to resource limits. Please try again later.",
        type="resource_unavailable",
        code="resource_unavailable",
    )


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Answer 400: the request itself is wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code=code)


def invalid_messages() -> ApiError:
    """Answer 400: something about the messages, as content checks answer."""
    return bad_request("Invalid value for 'messages'.", "messages", "invalid_value")


def metadata_without_store() -> ApiError:
    """Answer 400: metadata belongs to completions that are stored."""
    message = "The 'metadata' parameter is only allowed when 'store' is enabled."
    return bad_request(message, "metadata")


def two_token_limits() -> ApiError:
    """Answer 400: both spellings of the answer's token limit."""
    return bad_request(
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "max_tokens",
        "invalid_parameter_combination",
    )


def unsupported_max_tokens() -> ApiError:
    """Answer 400: a reasoning model wants the newer spelling."""
    return bad_request(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "unsupported_parameter",
    )


def unsupported_temperature(temperature: float) -> ApiError:
    """Answer 400: a model that reasons takes the default temperature only."""
    return bad_request(
        f"Unsupported value: 'temperature' does not support {temperature:g} with this model."
        " Only the default (1) value is supported.",
        "temperature",
        "unsupported_value",
    )


def rate_limited(model: str, retry_after_s: float, headers: Mapping[str, str]) -> ApiError:
    """Answer 429: too many requests, for a reason the numbers hide; without headers the words name no time either."""
    again = f" Please try again in {retry_after_s:g}s." if headers else ""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Rate limit reached for {model} in organization org-simulated on requests per min (RPM)."
        f"{again} Visit https://platform.openai.com/account/rate-limits to learn more.",
        type="requests",
        code="rate_limit_exceeded",
        headers=headers,
    )


def insufficient_quota() -> ApiError:
    """Answer 429: the account has no money left; waiting does not help."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "You exceeded your current quota, please check your plan and billing details. For more"
        " information on this error, read the docs:"
        " https://platform.openai.com/docs/guides/error-codes/api-errors.",
        type="insufficient_quota",
        code="insufficient_quota",
    )


def request_timeout() -> ApiError:
    """Answer 408: the server gave up waiting."""
    return ApiError(HTTPStatus.REQUEST_TIMEOUT, "Request timed out.", type="timeout")


def conflict() -> ApiError:
    """Answer 409: another request holds the resource."""
    return ApiError(
        HTTPStatus.CONFLICT,
        "The resource was updated by another request. Please try again.",
        type="conflict",
    )


def server_error() -> ApiError:
    """Answer 500: the provider's own fault."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server had an error while processing your request. Sorry about that!",
        type="server_error",
    )


def unavailable(headers: Mapping[str, str]) -> ApiError:
    """Answer 503: the provider is overloaded."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The engine is currently overloaded, please try again later.",
        type="server_error",
        headers=headers,
    )
