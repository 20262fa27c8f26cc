"""A token endpoint: gives out unsigned tokens by the client credentials grant, or refuses as it is told."""

import json
import ssl
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from aiohttp import web

CLIENT_ID, CLIENT_SECRET = "feed client", "made-up:client/secret"


@dataclass(slots=True)
class TokenEndpoint:
    """A running endpoint; its attributes say how it answers from now on."""

    url: str = ""
    lifetime_s: float = 300.0
    scope: str = "feeds"
    token_scope: str = "feeds"
    status: int = 200
    redirects_to: str | None = None
    body: str | None = None
    secrets: list[str] = field(default_factory=lambda: [CLIENT_SECRET])
    asked: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request for a token."""
        self.asked += 1
        if self.redirects_to:
            return web.Response(status=302, headers={"Location": self.redirects_to})
        if self.body is not None or self.status != 200:
            return web.Response(status=self.status, text=self.body or "")
        form = await request.post()
        if form["grant_type"] != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        login = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        name, _, secret = (unquote_plus(part) for part in login.partition(":"))
        if name != CLIENT_ID or secret not in self.secrets:
            return web.json_response({"error": "invalid_client", "error_description": secret}, status=401)
        if form.get("scope", self.scope) != self.scope:
            return web.json_response({"error": "invalid_scope"}, status=400)
        return web.json_response({"access_token": unsigned_token(self.token_scope, self.lifetime_s), "expires_in": 300})


def unsigned_token(scope: str, lifetime_s: float, *, user: str = "feed") -> str:
    """A JSON Web Token without a signature, as a broker takes it whose tokens are not secured."""
    now_s = time.time()
    claims = {"sub": user, "scope": scope, "iat": now_s - 600, "exp": now_s + lifetime_s}
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(content: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@asynccontextmanager
async def token_endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[TokenEndpoint]:
    """An endpoint for the time of a block, over TLS where it has a certificate to show."""
    endpoint = TokenEndpoint()
    runner = web.ServerRunner(web.Server(endpoint.answer), access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        endpoint.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/token"
        yield endpoint
    finally:
        await runner.cleanup()
