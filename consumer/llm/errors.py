"""Errors of LLM calls, classified by what happens next."""

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.llm.usage import Tokens
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The response in place of a completion, and its usage, if any: it may have been billed."""

    body: bytes
    tokens: Tokens
    latency_ms: float | None


class LlmError(Exception):
    """An LLM call returned no completion.

    `reason` is its code in the ledger and in events; the message is the detail. `maybe_billed`: the provider may have
    written an answer that never arrived. `received` is the response, if any.
    """

    reason: Reason
    maybe_billed = False
    received: Received | None = None


class Deferred(LlmError):
    """Not the request's own fault: it is retried after `retry_in_s` seconds and uses up no attempt."""

    def __init__(self, detail: str, *, reason: Reason, retry_in_s: float, maybe_billed: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.retry_in_s = retry_in_s
        self.maybe_billed = maybe_billed

    @classmethod
    def instead_of(cls, error: LlmError, *, retry_in_s: float) -> "Deferred":
        """Return an error as one that is not the request's own fault."""
        deferred = cls(str(error), reason=error.reason, retry_in_s=retry_in_s, maybe_billed=error.maybe_billed)
        deferred.received = error.received
        return deferred


class RateLimited(LlmError):
    """The provider's rate limit was hit; `headers` are those of its response."""

    reason = Reason.LLM_RATE_LIMITED

    def __init__(self, detail: str, *, retry_after_s: float | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.headers = headers or {}


class FlexUnavailable(RateLimited):
    """The provider has no capacity at its flex tier: only this call waits."""


class AccountRefused(LlmError):
    """Key, quota, permission, model name or a setting is refused. No event can succeed until that is fixed.

    `parameter` is the part of the request at fault, if named.
    """

    reason = Reason.LLM_ACCOUNT_REFUSED

    def __init__(self, detail: str, *, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.parameter = parameter


class CallFailed(LlmError):
    """Timeout, connection error, server error or unreadable response: the same call may succeed later."""

    reason = Reason.LLM_UNAVAILABLE

    def __init__(self, detail: str, *, maybe_billed: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.maybe_billed = maybe_billed
        self.retry_after_s = retry_after_s


class UnclearRefusal(CallFailed):
    """Refused without an explanation: retried until it is clear whether it concerns one request or all."""

    reason = Reason.LLM_BAD_REQUEST


class RequestRefused(LlmError):
    """The provider will never answer this request."""

    reason = Reason.LLM_BAD_REQUEST

    @classmethod
    def instead_of(cls, error: LlmError) -> "RequestRefused":
        """Return an error as one that is this request's own fault."""
        refused = cls(str(error))
        refused.received = error.received
        return refused


class ContentFiltered(RequestRefused):
    """The provider's content filter stopped the request or the answer."""

    reason = Reason.LLM_CONTENT_FILTERED


class AnswerRejected(LlmError):
    """The provider's own check found that the model did not write the JSON asked for.

    `draft` is the model's text, as far as the error's `body` (JSON) contains it.
    """

    reason = Reason.LLM_OUTPUT_INVALID

    def __init__(self, detail: str, *, draft: str, body: object) -> None:
        super().__init__(detail)
        self.draft = draft
        self.body = body
