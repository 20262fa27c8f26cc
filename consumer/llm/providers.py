"""Which provider writes: the preferred one, or the next while the one before it is not called.

A fallback steps in for a provider whose breaker is open, never for one that only asks to slow down.
Meanwhile single calls still go to the provider in trouble as probes, so that it is used again when it
is well.
"""

import random

from consumer.llm.completion import Completion
from consumer.llm.errors import HeldBack
from consumer.llm.provider import Admission, Provider
from consumer.llm.writer import CallId
from consumer.prompt import Messages


class Providers:
    """The providers that may write for a request, in order of preference."""

    def __init__(self, *providers: Provider) -> None:
        self._providers = providers

    @property
    def trouble(self) -> str | None:
        """Why none is called now; None while one is."""
        troubles = [provider.trouble for provider in self._providers]
        return None if None in troubles else troubles[0]

    def allowance(self, wanted: int, *, within_s: float | None = None) -> int:
        """How many of `wanted` new requests are worth taking on now: a probe for each that is in trouble, too."""
        allowed = 0
        for provider in self._providers:
            allowed += provider.allowance(wanted - allowed, within_s=within_s)
            if provider.trouble is None:
                break
        return allowed

    async def admit(self, messages: Messages) -> tuple[Provider, Admission]:
        """Wait for this call's turn at the first provider that is called now.

        Raises:
            HeldBack: it would have to wait too long, or none is called now.
        """
        *preferred, last = self._providers
        for provider in preferred:
            try:
                return provider, await provider.admit(messages)
            except HeldBack:
                if provider.trouble is None:
                    raise
        return last, await last.admit(messages)

    async def write(
        self, provider: Provider, admission: Admission, messages: Messages, *, max_tokens: int, call_id: CallId
    ) -> Completion:
        """Make the call that was admitted.

        Raises:
            LlmError: there is no completion. `HeldBack` if that is not the request's own fault.
        """
        try:
            return await provider.write(admission, messages, max_tokens=max_tokens, call_id=call_id)
        except HeldBack as error:
            if provider.trouble is None or self.trouble is not None:
                raise
            # another one is called: no reason to wait for this one
            detail, retry_in_s = str(error), random.random()
            raise HeldBack(
                detail, reason=error.reason, retry_in_s=retry_in_s, maybe_billed=error.maybe_billed
            ) from error

    async def find_stored(self, call_id: CallId) -> tuple[Provider, Completion] | None:
        """The newest completion that a provider kept for this request, and whose it is; costs nothing.

        A provider in trouble is asked only if there is no other.

        Raises:
            HeldBack: a provider could not be asked.
        """
        called = [provider for provider in self._providers if provider.trouble is None]
        for provider in called or self._providers:
            if found := await provider.find_stored(call_id):
                return provider, found
        return None
