"""The parts of a ``multipart/form-data`` body, as far as an upload needs them."""

import re
from typing import NamedTuple

from devstack.simulated_llm.http_server import HttpRequest
from devstack.simulated_llm.openai_errors import bad_request

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(rb'\bname="([^"]*)"')
_FILE_NAME = re.compile(rb'\bfilename="([^"]*)"')


class FormPart(NamedTuple):
    """One part; ``file_name`` is None for a plain field."""

    content: bytes
    file_name: str | None


def form_parts(request: HttpRequest) -> dict[str, FormPart]:
    """Return the parts by name; raise ApiError 400 where the body is no form."""
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    if boundary is None:
        raise bad_request("Could not parse multipart form")
    parts = {}
    for piece in request.body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        if name := _NAME.search(head):
            file_name = _FILE_NAME.search(head)
            parts[name[1].decode()] = FormPart(
                content.removesuffix(b"\r\n"), file_name[1].decode() if file_name else None
            )
    return parts
