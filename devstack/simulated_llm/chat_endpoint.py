"""``POST /v1/chat/completions``: one call, from its arrival in the ledger to its answer."""

import asyncio
import secrets
import time
from hashlib import blake2b
from typing import NamedTuple

from pydantic_core import to_json

from devstack.simulated_llm import openai_errors, wire_faults
from devstack.simulated_llm.account import Account
from devstack.simulated_llm.answers import answer_to, completion_told
from devstack.simulated_llm.chat_request import ChatRequest, check_model_accepts, parse_chat_request
from devstack.simulated_llm.completion import Completion, complete
from devstack.simulated_llm.error_faults import error_of
from devstack.simulated_llm.faults import (
    CallIdentity,
    ConnectionReset,
    FaultRule,
    FlexFault,
    Hang,
    HtmlPage,
    HttpError,
    TruncatedBody,
)
from devstack.simulated_llm.http_answers import check_api_key, error_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.known_models import KnownModel
from devstack.simulated_llm.ledger import LedgerCall
from devstack.simulated_llm.openai_errors import ApiError


async def create_chat_completion(account: Account, request: HttpRequest) -> HttpResponse:
    """Answer one call; the ledger holds it from its arrival on, whatever its end."""
    response_id = f"req_{secrets.token_hex(16)}"
    call = account.ledger.open(request.headers.get("x-client-request-id"), response_id)
    exchange = _Exchange(account, request, call, time.monotonic())
    try:
        return await exchange.answer()
    except ApiError as error:
        return exchange.send_error(error)
    except _ConnectionLostError:
        return wire_faults.reset_connection(request)
    finally:
        account.ledger.close(call)


class _ConnectionLostError(Exception):
    """The connection ended before anything was generated."""


class _Exchange(NamedTuple):
    """One call being answered. ``started_s`` is on the monotonic clock."""

    account: Account
    request: HttpRequest
    call: LedgerCall
    started_s: float

    async def answer(self) -> HttpResponse:
        """Check, think, generate, bill, send: in the order in which the provider does it."""
        check_api_key(self.account, self.request)
        chat = parse_chat_request(self.request.body)
        model = self.requested_model(chat)
        identity = self.account.identify(self.call.request_id or _digest(self.request.body), self.call.attempt)
        fault = self.account.faults.pick(self.account.seed, identity, chat.user_text)
        self.admit(chat, model, fault)
        if isinstance(fault, HttpError):
            return self.send_instead(fault)
        await self.think(identity, fault)
        completion = self.generate(chat, model, fault)
        return self.send(completion, fault)

    def requested_model(self, chat: ChatRequest) -> KnownModel:
        """Find the model; raise ApiError where it is unknown or refuses the request."""
        model = self.account.models.find(chat.model)
        if model is None:
            raise openai_errors.model_not_found(chat.model)
        self.call.model = model.snapshot
        check_model_accepts(chat, model)
        return model

    def admit(self, chat: ChatRequest, model: KnownModel, fault: FaultRule | None) -> None:
        """Raise the error of a fault, or the 429 of a limit that is reached."""
        self.call.fault = fault.kind if fault else None
        if chat.service_tier == "flex":
            self.call.service = "flex"
            if isinstance(fault, FlexFault):
                if fault.kind == "flex_unavailable":
                    raise openai_errors.flex_unavailable()
                self.call.service = "default"
        error = error_of(fault, model.name)
        if error is not None:
            raise error
        self.account.limiter.take(model.name, chat.charged_tokens, time.monotonic())

    async def think(self, identity: CallIdentity, fault: FaultRule | None) -> None:
        """Take the model's time. A client that gives up meanwhile does not stop the model."""
        match fault:
            case Hang(hang_s=None):
                await self.request.connection.lost.wait()
                raise _ConnectionLostError
            case Hang(hang_s=float(hang_s)):
                await asyncio.sleep(hang_s)
            case ConnectionReset(after_generation=False):
                raise _ConnectionLostError
            case _:
                await asyncio.sleep(self.account.latency_s(identity))

    def generate(self, chat: ChatRequest, model: KnownModel, fault: FaultRule | None) -> Completion:
        """Write the answer, bill it, and store it if that was asked for."""
        account = self.account
        cache = account.prompt_cache.use(model.name, chat.prompt, chat.prompt_tokens)
        completion = complete(chat, model, answer_to(chat, account.seed, fault), cache)
        if self.call.service == "flex":
            completion = completion._replace(service_tier="flex")
        self.call.bill(completion)
        if chat.store:
            account.stored.add(chat, completion, self.call.response_id)
        return completion

    def send(self, completion: Completion, fault: FaultRule | None) -> HttpResponse:
        """Send a completion, in whatever way its fault leaves open."""
        body = to_json(completion_told(completion, fault, self.account.seed, self.call))
        match fault:
            case ConnectionReset():
                self.call.answered(None, delivered=False)
                return wire_faults.reset_connection(self.request)
            case TruncatedBody(valid_http=valid_http):
                self.call.answered(200, delivered=False)
                return wire_faults.half_body(body, self.headers(), valid_http=valid_http)
            case HtmlPage():
                self.call.answered(200, delivered=False)
                return wire_faults.html_page()
            case _:
                self.call.answered(200, delivered=self.request.connection.is_open)
                return HttpResponse(body=body, headers=self.headers())

    def send_instead(self, fault: HttpError) -> HttpResponse:
        """Send what the fault says in place of a completion."""
        self.call.answered(fault.status, delivered=self.request.connection.is_open)
        is_text = isinstance(fault.body, str)
        return HttpResponse(
            fault.status,
            fault.body.encode() if isinstance(fault.body, str) else to_json(fault.body),
            "text/plain; charset=utf-8" if is_text else "application/json",
            fault.headers,
        )

    def send_error(self, error: ApiError) -> HttpResponse:
        """Send an error, which is never billed."""
        self.call.answered(error.status, delivered=self.request.connection.is_open)
        return error_answer(error, self.headers())

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer of the API carries."""
        now_s = time.monotonic()
        return {
            "x-request-id": self.call.response_id,
            "openai-organization": "org-simulated",
            "openai-version": "2020-10-01",
            "openai-processing-ms": str(round((now_s - self.started_s) * 1000)),
            **self.account.limiter.headers(now_s),
        }


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()
