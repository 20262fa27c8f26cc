"""The file that goes to the provider: one request a line."""

from pydantic_core import to_json

from consumer.llm.batches.custom_ids import custom_id
from consumer.llm.chat import CallId

MOST_LINES = 50_000
MOST_BYTES = 200_000_000
_URL = b'"method":"POST","url":"/v1/chat/completions"'


def file_line(call_id: CallId, body: bytes) -> bytes:
    """Return the line of a call, whose body is sent as it is."""
    return b'{"custom_id":%b,%b,"body":%b}\n' % (to_json(custom_id(call_id)), _URL, body)


def line_bytes(body: bytes) -> int:
    """Return how long the line of this body is at most."""
    return len(body) + len(_URL) + 120
