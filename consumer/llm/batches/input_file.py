"""The input file of a batch: one request per line."""

from pydantic_core import to_json

from consumer.llm.batches.custom_ids import custom_id
from consumer.llm.chat import CallId

MOST_LINES = 50_000
MOST_BYTES = 200_000_000
_URL = b'"method":"POST","url":"/v1/chat/completions"'


def file_line(call_id: CallId, body: bytes) -> bytes:
    """Return the line of a call, with its body unchanged."""
    return b'{"custom_id":%b,%b,"body":%b}\n' % (to_json(custom_id(call_id)), _URL, body)


def line_bytes(body: bytes) -> int:
    """Return the maximum length of the line for this body."""
    return len(body) + len(_URL) + 120
