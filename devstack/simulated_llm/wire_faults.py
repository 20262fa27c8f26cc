"""Faults on the way back: the completion exists and is billed, but the client cannot read it."""

import socket
import struct
from collections.abc import Mapping

from aiohttp.web import BaseRequest, Response, StreamResponse

from devstack.simulated_llm.http_answers import json_bytes_answer

_LINGER_ZERO = struct.pack("ii", 1, 0)
_HTML_PAGE = "<!DOCTYPE html><html><head><title>Please sign in</title></head><body></body></html>"


def reset_connection(request: BaseRequest) -> Response:
    """Send a TCP reset; the response returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        # Closing with lingering on and no time to linger makes the kernel send RST, not FIN.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    return Response()


def half_body(body: bytes, headers: Mapping[str, str], *, valid_http: bool) -> StreamResponse:
    """Send half the body; unless ``valid_http``, under the length of the whole."""
    response = json_bytes_answer(body[: len(body) // 2], headers=headers)
    if not valid_http:
        response.headers["content-length"] = str(len(body))
        response.force_close()
    return response


def html_page() -> Response:
    """Send a web page with status 200."""
    return Response(text=_HTML_PAGE, content_type="text/html")


def is_connected(request: BaseRequest) -> bool:
    """Tell whether the client is still there."""
    return request.transport is not None and not request.transport.is_closing()
