"""What became of an LLM call whose answer is not the stored post: `llm_calls.verdict`."""

from enum import StrEnum


class CallVerdict(StrEnum):
    """All verdicts. The first group had an answer, which is judged again before another call is paid for."""

    CUT_OFF = "cut_off"
    """Ran into the token limit before the post was whole."""

    UNUSABLE = "unusable"
    """No post, or one that breaks a rule."""

    REFUSED = "refused"
    """The model says that it will not write this post."""

    FILTERED = "filtered"
    """The provider's content filter stopped the request or the answer."""

    NOT_STORED = "not_stored"
    """A post, which the database did not take."""

    SUPERSEDED = "superseded"
    """A post, but another process had ended the request before."""

    WRONG_KEY = "wrong_key"
    """Came in a batch under this overlay's key and does not name this overlay: it is not judged again."""

    UNREADABLE = "unreadable"
    """Something came that is no chat completion."""

    UNANSWERED = "unanswered"
    """Nothing came in time, or the connection broke: it may have been billed."""

    FAILED = "failed"
    """The provider told of an error of its own."""

    RATE_LIMITED = "rate_limited"
    """The provider asked to slow down."""

    ACCOUNT_REFUSED = "account_refused"
    """Key, quota, payment, permission, model name or a setting was refused."""

    REQUEST_REFUSED = "request_refused"
    """The provider will not answer this request."""
