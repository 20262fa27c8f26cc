"""What a 4xx or 5xx answer of the provider means."""

from datetime import UTC, datetime

import openai

from consumer.llm.errors import (
    AccountRefused,
    CallFailed,
    ContentFiltered,
    LlmError,
    RateLimited,
    RequestRefused,
)
from consumer.llm.rate_limit.retry_after import retry_after_s

DETAIL_LENGTH = 500
_NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached"}
# Google answers a wrong key, and Anthropic an account without credit, with 400 and no code to tell it by.
_ACCOUNT_REFUSED = ("API key not valid", "credit balance is too low")
_PASSING = {408, 409, *range(500, 600)}


def error_for_status(error: openai.APIStatusError, *, api_key: str) -> LlmError:
    """What a 4xx or 5xx answer means for the event and for all others; some servers quote the key they refuse."""
    message = _message_of(error)
    said = f"HTTP {error.status_code} {error.code or ''}: {message}"
    detail = _storable(said.replace(api_key, "***"))[:DETAIL_LENGTH]
    match error.status_code, error.code:
        case 429, _:
            return _for_too_many(error, detail)
        case 401 | 403 | 404, _:
            return AccountRefused(detail)
        case 400, _ if any(words in message for words in _ACCOUNT_REFUSED):
            return AccountRefused(detail)
        case 400, "content_filter" | "content_policy_violation":
            return ContentFiltered(detail)
        case status, _ if status in _PASSING:
            return CallFailed(detail)
        case _:
            return RequestRefused(detail)


def _message_of(error: openai.APIStatusError) -> str:
    match error.body:
        # Google puts the error object into a list, where the client does not look for its message
        case [{"error": {"message": str(message)}}, *_]:
            return f"{error.message} - {message}"
        case _:
            return error.message


def _for_too_many(error: openai.APIStatusError, detail: str) -> LlmError:
    """A 429 is three things: no money left, a request larger than a whole minute's limit, or a rate limit."""
    if error.code in _NO_MONEY:
        return AccountRefused(detail)
    if error.message.startswith("Request too large"):
        return RequestRefused(detail)
    headers = error.response.headers
    return RateLimited(detail, retry_after_s=retry_after_s(headers, datetime.now(UTC)), headers=headers)


def _storable(text: str) -> str:
    """Without what PostgreSQL refuses: a proxy may answer with any bytes."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
