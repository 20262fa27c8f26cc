"""The verdict on an LLM call whose answer is not the stored post: `llm_calls.verdict`."""

from enum import StrEnum


class CallVerdict(StrEnum):
    """All verdicts. Answers of the first group are judged again before another call is paid for."""

    CUT_OFF = "cut_off"
    """Ran into the token limit before the post was complete."""

    UNUSABLE = "unusable"
    """Not a post, or one that breaks a rule."""

    REFUSED = "refused"
    """The model refused to write this post."""

    FILTERED = "filtered"
    """The provider's content filter stopped the request or the answer."""

    NOT_STORED = "not_stored"
    """A post that the database refused."""

    SUPERSEDED = "superseded"
    """A post, but another process had finished the request before."""

    WRONG_KEY = "wrong_key"
    """Came in a batch under this overlay's key without naming this overlay: not judged again."""

    UNREADABLE = "unreadable"
    """A response that is not a chat completion."""

    UNANSWERED = "unanswered"
    """No response in time, or a lost connection: it may have been billed."""

    FAILED = "failed"
    """The provider reported an error of its own."""

    RATE_LIMITED = "rate_limited"
    """The provider's rate limit was hit."""

    ACCOUNT_REFUSED = "account_refused"
    """Key, quota, payment, permission, model name or a setting was refused."""

    REQUEST_REFUSED = "request_refused"
    """The provider will not answer this request."""
