"""The ledger: every call of one account, what became of it, and whether it was billed.

A call is billed when its completion was generated, whatever reached the client; never for 4xx and
5xx. It is an observer for tests: it counts what the provider would charge for.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel

from devstack.simulated_llm.completion import Completion

Service = Literal["default", "flex", "batch"]
REDUCED_PRICE_FACTOR = 0.5
"""What a batch and the flex tier cost, of every kind of token."""
_CLIENT_REQUEST_ID = re.compile(r"([^/]+)/(\d{1,9})/(\d{1,9})")


@dataclass(slots=True)
class LedgerCall:
    """One call, from its arrival on.

    ``request_id`` is the client's ``X-Client-Request-Id``; overlay, revision and attempt are read
    out of it where it has that form. ``status`` stays None while the call is in flight and where no
    status was sent. ``delivered`` says that the client was still there to take the answer. ``price_factor`` is what the
    price of its tokens is multiplied with; ``batch_id`` is set for a line of a batch.
    """

    request_id: str | None
    overlay_id: str | None
    revision: int | None
    attempt: int | None
    response_id: str
    received_at: datetime
    model: str | None = None
    answered_at: datetime | None = None
    status: int | None = None
    fault: str | None = None
    billed: bool = False
    delivered: bool = False
    in_flight: bool = True
    completion_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_prompt_tokens: int = 0
    service: Service = "default"
    price_factor: float = 1.0
    batch_id: str | None = None

    def bill(self, completion: Completion) -> None:
        """Charge for a completion: from here on it costs money, whoever gets to see it."""
        self.billed = True
        self.completion_id = completion.completion_id
        self.prompt_tokens = completion.prompt_tokens
        self.completion_tokens = completion.completion_tokens
        self.cached_prompt_tokens = completion.cache.cached_tokens
        if self.service != "default":
            self.price_factor = REDUCED_PRICE_FACTOR

    def answered(self, status: int | None, *, delivered: bool) -> None:
        """Note what was sent to the client."""
        self.answered_at = datetime.now(UTC)
        self.status = status
        self.delivered = delivered


class LedgerSummary(BaseModel):
    """The counts of a ledger. ``by_status`` holds calls that were answered, keyed as text."""

    billed_calls: int
    total_calls: int
    in_flight_calls: int
    max_in_flight_calls: int
    by_status: dict[str, int]
    by_fault: dict[str, int]


class LedgerReport(LedgerSummary):
    """The counts and every call, oldest first."""

    calls: list[LedgerCall]


class Ledger:
    """The calls of one account."""

    def __init__(self) -> None:
        self._calls: list[LedgerCall] = []
        self._in_flight = 0
        self._max_in_flight = 0

    def clear(self) -> None:
        """Forget the calls that have ended; those in flight may yet be billed, so they stay."""
        self._calls = [call for call in self._calls if call.in_flight]
        self._max_in_flight = self._in_flight

    def open(self, client_request_id: str | None, response_id: str) -> LedgerCall:
        """Enter a call that has just arrived."""
        overlay_id, revision, attempt = parse_client_request_id(client_request_id)
        received_at = datetime.now(UTC)
        call = LedgerCall(client_request_id, overlay_id, revision, attempt, response_id, received_at)
        self._calls.append(call)
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return call

    def close(self, call: LedgerCall) -> None:
        """Note that a call has ended in whatever way."""
        call.in_flight = False
        self._in_flight -= 1

    def summary(self) -> LedgerSummary:
        """Return the counts."""
        return LedgerSummary.model_validate(self._counts())

    def report(self) -> LedgerReport:
        """Return the counts and the calls."""
        return LedgerReport.model_validate({**self._counts(), "calls": self._calls})

    def _counts(self) -> dict[str, object]:
        return {
            "billed_calls": sum(call.billed for call in self._calls),
            "total_calls": len(self._calls),
            "in_flight_calls": self._in_flight,
            "max_in_flight_calls": self._max_in_flight,
            "by_status": _count(call.status for call in self._calls),
            "by_fault": _count(call.fault for call in self._calls),
        }


def parse_client_request_id(text: str | None) -> tuple[str | None, int | None, int | None]:
    """Split ``<overlay_id>/<revision>/<attempt>``; three Nones where it has another form."""
    form = _CLIENT_REQUEST_ID.fullmatch(text or "")
    return (form[1], int(form[2]), int(form[3])) if form else (None, None, None)


def _count(values: Iterable[object]) -> dict[str, int]:
    return dict(Counter(str(value) for value in values if value is not None))
