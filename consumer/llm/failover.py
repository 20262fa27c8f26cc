"""Which provider writes: the first one, in order of preference, that may be called.

A fallback takes over from a provider whose breaker is open, but not from one that is only rate limited. Meanwhile
single calls still go to the unavailable provider as probes, so that it is used again once it recovers.
"""

from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import Deferred
from consumer.llm.provider import Admission, Provider
from consumer.llm.writer import Writer


class Failover:
    """The providers that may write for a request, in order of preference."""

    def __init__(self, *providers: Provider) -> None:
        self._providers = providers

    @property
    def unavailable_reason(self) -> str | None:
        """Why no provider may be called; None while one may."""
        reasons = [provider.unavailable_reason for provider in self._providers]
        return None if None in reasons else reasons[0]

    @property
    def preferred(self) -> Writer:
        """The writer of the preferred provider."""
        return self._providers[0].writer

    @property
    def writers(self) -> list[Writer]:
        """All writers, in order of preference."""
        return [provider.writer for provider in self._providers]

    def allowance(self, wanted: int, *, within_s: float | None = None) -> int:
        """Return how many of `wanted` new requests to accept now, including a probe for each unavailable provider."""
        allowed = 0
        for provider in self._providers:
            allowed += provider.allowance(wanted - allowed, within_s=within_s)
            if provider.unavailable_reason is None:
                break
        return allowed

    @property
    def retry_in_s(self) -> float:
        """When a rejected request should return: as soon as any provider may be called."""
        return min(provider.retry_in_s for provider in self._providers)

    def stop(self, reason: str) -> None:
        """Allow only probes at all providers: the fault is on this side."""
        for provider in self._providers:
            provider.stop(reason)

    async def admit(self, messages: Messages, *, after: Admission | None = None) -> Admission:
        """Wait for this call's turn at the first provider that may be called; `after` is the request's previous call.

        Raises:
            Deferred: the wait would be too long, or no provider may be called.
        """
        *preferred, last = self._providers
        for provider in preferred:
            try:
                return await provider.admit(messages, after=after, another_is_called=self._any_is_called)
            except Deferred:
                if provider.unavailable_reason is None:
                    raise
        return await last.admit(messages, after=after, another_is_called=self._any_is_called)

    def _any_is_called(self) -> bool:
        return self.unavailable_reason is None

    async def find_stored(self, call_id: CallId) -> tuple[Writer, Completion] | None:
        """Return the newest completion that a provider stored for this request, and its writer; free of charge.

        An unavailable provider is asked only if there is no other.

        Raises:
            Deferred: a provider could not be asked.
        """
        called = [provider for provider in self._providers if provider.unavailable_reason is None]
        for provider in called or self._providers:
            if found := await provider.find_stored(call_id):
                return provider.writer, found
        return None
