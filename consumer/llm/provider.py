"""One model at its provider: its writer behind its rate limiter and breaker.

Only errors that are the request's own fault are raised as such. Rate limits, account errors and outages become
`Deferred`: the request is retried later and uses up no attempt.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from consumer.llm.breaker import Breaker, Permit
from consumer.llm.call_watch import CallWatch, Unwatched
from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import (
    AccountRefused,
    CallFailed,
    Deferred,
    FlexUnavailable,
    LlmError,
    RateLimited,
    RequestRefused,
)
from consumer.llm.rate_limit.limiter import RateLimiter, WaitTooLong
from consumer.llm.rate_limit.limits import Reservation
from consumer.llm.usage import ANSWER_TOKENS, CHARACTERS_PER_TOKEN
from consumer.llm.writer import Writer
from repository.llm_models import LlmModel
from repository.spending import Spending

log = structlog.get_logger()

TYPICAL_TOKENS = 1_200
LOOKUP_RETRY_S = 5.0
TOLD_WAIT_S = 0.001  # calls that went at once did not wait
DISUSED_RETRY_S = 10.0
FLEX_RETRY_S = 60.0  # the tier may have capacity later
# The columns of a model's row that determine a parameter.
_COLUMNS = {
    "tokens": "token_limit_parameter and default_max_tokens",
    "temperature": "supports_temperature and max_temperature",
    "reasoning": "reasoning_effort",
    "response_format": "supports_json_schema",
    "json_schema": "supports_json_schema",
    "store": "supports_store",
    "metadata": "supports_store",
    "model": "model_name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The right to make one call now, used up by `write` or `give_back`.

    `another_is_called`: whether another provider could write instead.
    """

    provider: "Provider"
    reservation: Reservation
    permit: Permit
    another_is_called: Callable[[], bool]

    @property
    def writer(self) -> Writer:
        """The writer of the call."""
        return self.provider.writer

    async def write(self, messages: Messages, *, max_tokens: int, call_id: CallId, flex: bool = False) -> Completion:
        """Make the call, at the flex tier if `flex` is set.

        Raises:
            LlmError: there is no completion. `Deferred` if that is not the request's own fault.
        """
        try:
            return await self.provider.call(self, messages, max_tokens=max_tokens, call_id=call_id, flex=flex)
        except Deferred as error:
            if self.provider.unavailable_reason is None or not self.another_is_called():
                raise
            # no reason to wait for this provider
            raise Deferred.instead_of(error, retry_in_s=random.random()) from error

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Record the spending of the call and its tier; None: it may have been billed at an unknown amount."""
        self.provider.took(spent, delivery)

    def give_back(self) -> None:
        """Give up the call."""
        self.provider.cancel(self)

    def accept(self) -> None:
        """Record that this call and those before it led to a post."""
        self.provider.accept(self)

    def refuse(self) -> None:
        """Record that this call and those before it led to no post."""
        self.provider.refuse(self)

    def withdraw(self) -> None:
        """Record that this call and those before it are inconclusive."""
        self.provider.withdraw(self)


class Provider:
    """Admits calls within the rate limits and while the breaker is closed, and learns from each response.

    `disused_because`: why the model was deactivated, if so.
    """

    def __init__(self, writer: Writer, limiter: RateLimiter, breaker: Breaker, watch: CallWatch | None = None) -> None:
        self.writer = writer
        self.disused_because: str | None = None
        self._limiter = limiter
        self._breaker = breaker
        self._watch = watch or Unwatched()

    @property
    def times_opened(self) -> int:
        """How often its breaker went from closed to open."""
        return self._breaker.opened_total

    @property
    def retry_in_s(self) -> float:
        """When a rejected request should return."""
        return self._retry_in_s()

    @property
    def unavailable_reason(self) -> str | None:
        """Why the provider may not be called; None while it may."""
        return self.disused_because or self._breaker.reason

    def use(self, model: LlmModel) -> None:
        """Use this row of the model from the next call on."""
        self.writer = self.writer.about(model)

    def allowance(self, wanted: int, *, within_s: float | None = None) -> int:
        """Return how many of `wanted` new requests to accept now, or that can go `within_s`, if given."""
        if self.disused_because is not None:
            return 0
        allowed = self._breaker.allowance(time.monotonic(), wanted)
        return self._limiter.room(allowed, TYPICAL_TOKENS, within_s=within_s) if allowed else 0

    async def admit(
        self,
        messages: Messages,
        *,
        after: Admission | None = None,
        another_is_called: Callable[[], bool] = lambda: False,
    ) -> Admission:
        """Wait for this call's turn; `after` is the admission of the request's previous call.

        Raises:
            Deferred: the wait would be too long, or the provider may not be called.
        """
        if self.disused_because is not None:
            raise Deferred(self.disused_because, reason=AccountRefused.reason, retry_in_s=DISUSED_RETRY_S)
        held = after.permit if after and after.provider is self else None
        if not self._breaker.allowance(time.monotonic(), 1) and not self._breaker.is_probe(held):
            raise self._not_called()
        characters = sum(len(message.content) for message in messages)
        asked_at_s = time.monotonic()
        try:
            reservation = await self._limiter.reserve(characters // CHARACTERS_PER_TOKEN + ANSWER_TOKENS)
        except WaitTooLong as error:
            raise Deferred(str(error), reason=RateLimited.reason, retry_in_s=error.retry_in_s) from error
        now_s = time.monotonic()
        if now_s - asked_at_s >= TOLD_WAIT_S:
            self._watch.waited(now_s - asked_at_s)
        permit = self._breaker.begin_call(now_s, held=held)
        if permit is None:
            self._limiter.cancel(reservation)
            raise self._not_called()
        return Admission(provider=self, reservation=reservation, permit=permit, another_is_called=another_is_called)

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Record the spending of a call, whatever its result."""
        self._watch.took(spent, delivery)

    def cancel(self, admission: Admission) -> None:
        """Take back the admission of a call that is not made."""
        self._limiter.cancel(admission.reservation)
        self._breaker.abandon(admission.permit, time.monotonic())

    def accept(self, admission: Admission) -> None:
        """Record that there is a post; after a probe, the breaker closes."""
        was_closed = self._breaker.is_closed
        self._breaker.accept(admission.permit)
        self._log_change(was_closed=was_closed)

    def refuse(self, admission: Admission) -> None:
        """Record that there is no post, although the model answered."""
        self._breaker.refuse(admission.permit, time.monotonic())

    def withdraw(self, admission: Admission) -> None:
        """Record that the result is inconclusive; after a probe, another one may go."""
        self._breaker.abandon(admission.permit, time.monotonic())

    def stop(self, reason: str) -> None:
        """Allow only probes until one of them leads to a post: all answers are useless."""
        was_closed = self._breaker.is_closed
        self._breaker.stop(reason, time.monotonic())
        self._log_change(was_closed=was_closed)

    async def call(
        self, admission: Admission, messages: Messages, *, max_tokens: int, call_id: CallId, flex: bool = False
    ) -> Completion:
        """Make an admitted call.

        Raises:
            LlmError: there is no completion. `Deferred` if that is not the request's own fault.
        """
        began_s = time.perf_counter()
        try:
            completion = await self.writer.write(messages, max_tokens=max_tokens, call_id=call_id, flex=flex)
        except LlmError as error:
            self._watch.failed(error, time.perf_counter() - began_s)
            raise self._judged(admission, error, call_id) from error
        except asyncio.CancelledError:
            self._breaker.abandon(admission.permit, time.monotonic())
            raise
        self._watch.answered(completion, time.perf_counter() - began_s)
        self._record(admission.permit, None, call_id)
        if completion.total_tokens is not None:
            self._limiter.settle(admission.reservation, completion.total_tokens)
        self._limiter.learn(admission.reservation, completion.headers)
        return completion

    async def find_stored(self, call_id: CallId) -> Completion | None:
        """Return the newest completion that the provider stored for this request; free of charge.

        Raises:
            Deferred: the provider cannot be asked now; the lookup is still to be done.
        """
        try:
            return await self.writer.find_stored(call_id)
        except RequestRefused:
            return None
        except LlmError as error:
            retry_in_s = LOOKUP_RETRY_S + self._retry_in_s()
            raise Deferred(str(error), reason=error.reason, retry_in_s=retry_in_s, maybe_billed=True) from error

    def _judged(self, admission: Admission, error: LlmError, call_id: CallId) -> LlmError:
        own_fault = self._record(admission.permit, error, call_id)
        if isinstance(error, FlexUnavailable):
            self._limiter.cancel(admission.reservation)
            wait_s = error.retry_after_s or FLEX_RETRY_S * (0.5 + random.random())
            return Deferred.instead_of(error, retry_in_s=wait_s)
        if isinstance(error, RateLimited):
            self._limiter.learn(admission.reservation, error.headers)
            retry_in_s = self._limiter.slow_down(admission.reservation, error.retry_after_s)
            return Deferred.instead_of(error, retry_in_s=retry_in_s)
        if own_fault:
            # an account error that concerns this request alone
            return RequestRefused.instead_of(error) if isinstance(error, AccountRefused) else error
        return Deferred.instead_of(error, retry_in_s=self._retry_in_s())

    def _not_called(self) -> Deferred:
        detail = self._breaker.reason or "the breaker is open"
        return Deferred(detail, reason=CallFailed.reason, retry_in_s=self._retry_in_s())

    def _retry_in_s(self) -> float:
        # spread over a second what would otherwise return all at once
        return self._breaker.retry_in_s(time.monotonic()) + random.random()

    def _record(self, permit: Permit, error: LlmError | None, call_id: CallId) -> bool:
        was_closed = self._breaker.is_closed
        request = (call_id.overlay_id, call_id.revision)
        own_fault = self._breaker.record(permit, error, time.monotonic(), request)
        self._log_change(was_closed=was_closed, parameter=getattr(error, "parameter", None))
        return own_fault

    def _log_change(self, *, was_closed: bool, parameter: str | None = None) -> None:
        model = self.writer.model.full_name
        if was_closed and not self._breaker.is_closed:
            blamed = {"parameter": parameter, "advice": _advice(parameter, model)} if parameter else {}
            log.error("breaker.opened", model=model, reason=self._breaker.reason, **blamed)
        elif self._breaker.is_closed and not was_closed:
            log.info("breaker.closed", model=model)


def _advice(parameter: str, model: str) -> str:
    """Return advice for a refused parameter: the column of the model's row that determines it."""
    column = next((column for part, column in _COLUMNS.items() if part in parameter), None)
    return f"see {column} of {model} in llm_models (`instagram-feed models update`)" if column else f"see {model}"
