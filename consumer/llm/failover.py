"""Which provider writes: the preferred one, or the next while the one before it is not called.

A fallback steps in for a provider whose breaker is open, never for one that only asks to slow down.
Meanwhile single calls still go to the unavailable provider as probes, so that it is used again when it
is well.
"""

import random

from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import Deferred
from consumer.llm.provider import Admission, Provider


class Failover:
    """The providers that may write for a request, in order of preference."""

    def __init__(self, *providers: Provider) -> None:
        self._providers = providers

    @property
    def unavailable_reason(self) -> str | None:
        """Why none is called now; None while one is."""
        reasons = [provider.unavailable_reason for provider in self._providers]
        return None if None in reasons else reasons[0]

    def allowance(self, wanted: int, *, within_s: float | None = None) -> int:
        """How many of `wanted` new requests are worth taking on now: a probe for each that is unavailable, too."""
        allowed = 0
        for provider in self._providers:
            allowed += provider.allowance(wanted - allowed, within_s=within_s)
            if provider.unavailable_reason is None:
                break
        return allowed

    async def admit(self, messages: Messages) -> tuple[Provider, Admission]:
        """Wait for this call's turn at the first provider that is called now.

        Raises:
            Deferred: it would have to wait too long, or none is called now.
        """
        *preferred, last = self._providers
        for provider in preferred:
            try:
                return provider, await provider.admit(messages)
            except Deferred:
                if provider.unavailable_reason is None:
                    raise
        return last, await last.admit(messages)

    async def write(
        self, provider: Provider, admission: Admission, messages: Messages, *, max_tokens: int, call_id: CallId
    ) -> Completion:
        """Make the call that was admitted.

        Raises:
            LlmError: there is no completion. `Deferred` if that is not the request's own fault.
        """
        try:
            return await provider.write(admission, messages, max_tokens=max_tokens, call_id=call_id)
        except Deferred as error:
            if provider.unavailable_reason is None or self.unavailable_reason is not None:
                raise
            # another one is called: no reason to wait for this one
            detail, retry_in_s = str(error), random.random()
            raise Deferred(
                detail, reason=error.reason, retry_in_s=retry_in_s, maybe_billed=error.maybe_billed
            ) from error

    async def find_stored(self, call_id: CallId) -> tuple[Provider, Completion] | None:
        """The newest completion that a provider kept for this request, and whose it is; costs nothing.

        One that is unavailable is asked only if there is no other.

        Raises:
            Deferred: a provider could not be asked.
        """
        called = [provider for provider in self._providers if provider.unavailable_reason is None]
        for provider in called or self._providers:
            if found := await provider.find_stored(call_id):
                return provider, found
        return None
