"""The HTTP server: accounts by path prefix, and the endpoints of each."""

import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from devstack.simulated_llm import batch_endpoints, control_endpoints, file_endpoints, openai_errors, read_endpoints
from devstack.simulated_llm.account import DEFAULT_ACCOUNT, Account, Accounts, SimulationSettings
from devstack.simulated_llm.chat_endpoint import create_chat_completion
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.http_answers import error_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse, HttpServer
from devstack.simulated_llm.openai_errors import ApiError

Endpoint = Callable[[Account, HttpRequest], Awaitable[HttpResponse]]

_ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/v1/chat/completions"): create_chat_completion,
    ("GET", "/v1/chat/completions"): read_endpoints.list_stored,
    ("GET", "/v1/chat/completions/*"): read_endpoints.get_stored,
    ("GET", "/v1/models"): read_endpoints.list_models,
    ("GET", "/v1/models/*"): read_endpoints.get_model,
    ("POST", "/v1/files"): file_endpoints.create_file,
    ("GET", "/v1/files"): file_endpoints.list_files,
    ("GET", "/v1/files/*"): file_endpoints.get_file,
    ("DELETE", "/v1/files/*"): file_endpoints.delete_file,
    ("GET", "/v1/files/*/content"): file_endpoints.get_content,
    ("POST", "/v1/batches"): batch_endpoints.create_batch,
    ("GET", "/v1/batches"): batch_endpoints.list_batches,
    ("GET", "/v1/batches/*"): batch_endpoints.get_batch,
    ("POST", "/v1/batches/*/cancel"): batch_endpoints.cancel_batch,
    ("GET", "/batch-pace"): control_endpoints.get_batch_pace,
    ("PUT", "/batch-pace"): control_endpoints.put_batch_pace,
    ("GET", "/ledger"): control_endpoints.get_ledger,
    ("DELETE", "/ledger"): control_endpoints.delete_ledger,
    ("GET", "/faults"): control_endpoints.get_faults,
    ("PUT", "/faults"): control_endpoints.put_faults,
    ("DELETE", "/faults"): control_endpoints.delete_faults,
    ("GET", "/latency"): control_endpoints.get_latency,
    ("PUT", "/latency"): control_endpoints.put_latency,
    ("GET", "/limits"): control_endpoints.get_limits,
    ("PUT", "/limits"): control_endpoints.put_limits,
    ("GET", "/seed"): control_endpoints.get_seed,
    ("PUT", "/seed"): control_endpoints.put_seed,
}
_ACCOUNT_PATH = re.compile(r"/w/([\w.-]{1,100})(/.*)")


class SimulatedLlmServer:
    """The simulated LLM in the caller's event loop.

    ``async with SimulatedLlmServer() as server`` listens, on a free port where ``port`` is 0.
    ``control()`` gives the default account, ``control(name)`` another; a test that takes an account of
    its own shares the server with others without meeting them.
    """

    def __init__(
        self,
        settings: SimulationSettings | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._accounts = Accounts(settings or SimulationSettings())
        self._host = host
        self._port = port
        self._http = HttpServer(self._serve)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._port = await self._http.listen(self._host, self._port)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End at once; calls in flight end without an answer."""
        await self._accounts.close()
        await self._http.close()

    @property
    def origin(self) -> str:
        """The server's address, without a path."""
        return f"http://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The ``base_url`` for an OpenAI client in the default account."""
        return self.control().base_url

    def control(self, account: str = DEFAULT_ACCOUNT) -> SimulatedLlmControl:
        """Return what sets an account's faults and reads its ledger."""
        return SimulatedLlmControl(self.origin, account)

    async def _serve(self, request: HttpRequest) -> HttpResponse:
        try:
            account_name, path = _split_account(request.path)
            endpoint = _find_endpoint(request.method, path)
            return await endpoint(self._accounts.get(account_name), request)
        except ApiError as error:
            return error_answer(error)


def _split_account(path: str) -> tuple[str, str]:
    prefixed = _ACCOUNT_PATH.fullmatch(path)
    return (prefixed[1], prefixed[2]) if prefixed else (DEFAULT_ACCOUNT, path)


def _find_endpoint(method: str, path: str) -> Endpoint:
    parent = path.rpartition("/")[0]
    grandparent, last = parent.rpartition("/")[0], path.rpartition("/")[2]
    for pattern in (path, f"{parent}/*", f"{grandparent}/*/{last}"):
        if endpoint := _ENDPOINTS.get((method, pattern)):
            return endpoint
    raise openai_errors.unknown_url(method, path)
