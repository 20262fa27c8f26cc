"""Faults on the way back: the completion exists and is billed, but the client cannot read it."""

from collections.abc import Mapping

from devstack.simulated_llm.http_server import HttpRequest, HttpResponse

_HTML_PAGE = "<!DOCTYPE html><html><head><title>Please sign in</title></head><body></body></html>"


def reset_connection(request: HttpRequest) -> HttpResponse:
    """Send a TCP reset; the response returned goes nowhere."""
    request.connection.reset()
    return HttpResponse()


def half_body(body: bytes, headers: Mapping[str, str], *, valid_http: bool) -> HttpResponse:
    """Send half the body; unless ``valid_http``, under the length of the whole."""
    announced_length = None if valid_http else len(body)
    return HttpResponse(body=body[: len(body) // 2], headers=headers, announced_length=announced_length)


def html_page() -> HttpResponse:
    """Send a web page with status 200."""
    return HttpResponse(body=_HTML_PAGE.encode(), content_type="text/html; charset=utf-8")
