"""Reading a kept answer with the current reader, which may find more in it than an earlier version did."""

from datetime import UTC, datetime

from consumer.llm.completion import Completion
from consumer.llm.completion_reader import ErrorInside, completion_of_draft, read_completion
from consumer.llm.error_answer import OK
from consumer.llm.errors import AnswerRejected, CallFailed
from consumer.llm.status import error_of


def read_again(body: bytes, *, latency_ms: float | None) -> Completion | None:
    """Return the completion in it, if any."""
    try:
        return read_completion(body, latency_ms=latency_ms)
    except CallFailed:
        return None
    except ErrorInside as inside:
        error = error_of(OK, inside.body, {}, now=datetime.now(UTC))
        if not isinstance(error, AnswerRejected):
            return None
        return completion_of_draft(error.draft, error.body, latency_ms=latency_ms)
