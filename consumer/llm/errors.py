"""What can go wrong with an LLM call, in the terms that decide what happens next."""

from collections.abc import Mapping


class LlmError(Exception):
    """An LLM call gave no completion.

    `reason` is the word for it in the ledger and in events; the message is the detail.
    `maybe_billed`: the provider may have written an answer that never arrived.
    """

    reason = "llm_error"
    maybe_billed = False


class Deferred(LlmError):
    """Not the request's own fault: it comes back after `retry_in_s` seconds and uses up no attempt."""

    def __init__(self, detail: str, *, reason: str, retry_in_s: float, maybe_billed: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.retry_in_s = retry_in_s
        self.maybe_billed = maybe_billed


class RateLimited(LlmError):
    """The provider asks to slow down; `headers` are those of its answer."""

    reason = "llm_rate_limited"

    def __init__(self, detail: str, *, retry_after_s: float | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.headers = headers or {}


class AccountRefused(LlmError):
    """Key, quota, permission, model name or a setting is refused. No event can succeed until that is put right.

    `parameter` is the part of the request that is blamed, where one is.
    """

    reason = "llm_account_refused"

    def __init__(self, detail: str, *, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.parameter = parameter


class CallFailed(LlmError):
    """Timeout, connection error, server error or unreadable answer: the same call may work later."""

    reason = "llm_unavailable"

    def __init__(self, detail: str, *, maybe_billed: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.maybe_billed = maybe_billed
        self.retry_after_s = retry_after_s


class UnclearRefusal(CallFailed):
    """Refused in a way that nobody explains: tried again until it shows whether it hits one request or all."""

    reason = "llm_bad_request"


class RequestRefused(LlmError):
    """The provider will never answer this request."""

    reason = "llm_bad_request"


class ContentFiltered(RequestRefused):
    """The provider's content filter stopped the request or the answer."""

    reason = "llm_content_filtered"


class AnswerRejected(LlmError):
    """The provider's own check found that the model did not write the JSON asked for.

    `draft` is what it wrote, as far as the error's `body` (JSON) holds it.
    """

    reason = "llm_output_invalid"

    def __init__(self, detail: str, *, draft: str, body: object) -> None:
        super().__init__(detail)
        self.draft = draft
        self.body = body
