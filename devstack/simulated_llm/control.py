"""Sets an account's faults and pace and reads its ledger, over HTTP: in process or out of it."""

from collections.abc import Mapping

from aiohttp import ClientSession

from devstack.simulated_llm.ledger import LedgerReport, LedgerSummary


class SimulatedLlmControl:
    """One account of a running server. ``origin`` is ``http://host:port``.

    Every method raises ``SimulatedLlmControlError`` where the server does not accept a setting.
    """

    def __init__(self, origin: str, account: str = "") -> None:
        self._root = f"{origin}/w/{account}" if account else origin

    @property
    def base_url(self) -> str:
        """The ``base_url`` for an OpenAI client in this account."""
        return f"{self._root}/v1"

    async def ledger(self) -> LedgerReport:
        """Return the counts and every call."""
        return LedgerReport.model_validate_json(await self._ask("GET", "/ledger"))

    async def ledger_summary(self) -> LedgerSummary:
        """Return the counts only."""
        return LedgerSummary.model_validate_json(await self._ask("GET", "/ledger?summary=1"))

    async def clear_ledger(self) -> None:
        """Forget all calls."""
        await self._ask("DELETE", "/ledger")

    async def set_faults(self, *rules: Mapping[str, object]) -> None:
        """Replace the fault rules: ``set_faults({"kind": "rate_limited", "first": 2})``."""
        await self._ask("PUT", "/faults", list(rules))

    async def set_latency(self, latency: str) -> None:
        """Set the pace: ``constant:0.2`` or ``lognormal:0.8:0.4``."""
        await self._ask("PUT", "/latency", {"latency": latency})

    async def set_batch_pace(self, **pace: float) -> None:
        """Set how long the stages of batches take: ``set_batch_pace(in_progress_s=2)``."""
        await self._ask("PUT", "/batch-pace", pace)

    async def set_limits(self, **limits: int) -> None:
        """Set ``requests_per_minute``, ``tokens_per_minute``, ``enqueued_tokens``; the buckets start full."""
        await self._ask("PUT", "/limits", limits)

    async def set_seed(self, seed: int) -> None:
        """Start the draws again from a seed."""
        await self._ask("PUT", "/seed", {"seed": seed})

    async def _ask(self, method: str, path: str, setting: object = None) -> bytes:
        async with (
            ClientSession() as session,
            session.request(method, f"{self._root}{path}", json=setting) as response,
        ):
            body = await response.read()
            if not response.ok:
                raise SimulatedLlmControlError(body.decode())
            return body


class SimulatedLlmControlError(Exception):
    """The simulated LLM did not accept a setting; the message is its answer."""
