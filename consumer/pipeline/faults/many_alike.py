"""Whose fault a refusal is: one request's, or everybody's. Pure.

A call refused by the provider, an unusable answer, a row refused by the database: a single refusal does not tell whose
fault it is, but what happens to other requests does. If one that started later is accepted, the refused request alone
is to blame. If many different ones are refused for the same reason and hardly any is accepted, none of them is to
blame: then nothing more should be paid until a probe is accepted.

Until then a refusal stays undecided, as long as others are in flight. A request that is refused again after others
were accepted in between is to blame at once; such requests do not count against the rest.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NewType

Ticket = NewType("Ticket", int)

MOST_REMEMBERED = 10_000


class Fault(Enum):
    """Whose fault a refusal is."""

    OWN = "own"
    COMMON = "common"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about the refusal of the request with this ticket."""

    ticket: Ticket
    fault: Fault


@dataclass(frozen=True, slots=True)
class _Refusal:
    request: Hashable
    reason: Hashable
    at_s: float


class ManyAlike:
    """Decides whose fault refusals are, with the clock as an argument.

    A reason is common if at least `least_requests` different requests were refused for it within `window_s`, and these
    outnumber both those accepted among the last `window` results and those in flight. It stays common until a request
    that started afterwards is accepted.
    """

    def __init__(self, *, least_requests: int = 5, window: int = 20, window_s: float = 300.0) -> None:
        self._least_requests = least_requests
        self._window_s = window_s
        self._begun = 0
        self._under_way: set[Ticket] = set()
        self._undecided: dict[Ticket, _Refusal] = {}
        # None stands for an acceptance
        self._recent: deque[_Refusal | None] = deque(maxlen=window)
        self._last_accepted = 0
        # how many had started when a request was first refused for a reason
        self._first_refused: OrderedDict[tuple[Hashable, Hashable], int] = OrderedDict()
        self._common_reason: Hashable | None = None
        self._common_from = 0

    @property
    def common_reason(self) -> Hashable | None:
        """The reason for which everybody is refused now, if any."""
        return self._common_reason

    def begin(self) -> Ticket:
        """Record the start of a request, which must end by `accept`, `refuse` or `withdraw`."""
        self._begun += 1
        ticket = Ticket(self._begun)
        self._under_way.add(ticket)
        return ticket

    def accept(self, ticket: Ticket, now_s: float) -> list[Decision]:
        """Record that it was accepted. Returns the decisions about others that follow."""
        self._under_way.discard(ticket)
        self._last_accepted = max(self._last_accepted, ticket)
        if self._common_reason is not None and ticket > self._common_from:
            self._common_reason = None
            self._recent.clear()
        self._recent.append(None)
        return self._decided(now_s)

    def refuse(self, ticket: Ticket, *, request: Hashable, reason: Hashable, now_s: float) -> list[Decision]:
        """Record that it was refused. Returns the decisions that follow; others come later."""
        self._under_way.discard(ticket)
        if reason == self._common_reason:
            return [Decision(ticket, Fault.COMMON), *self._decided(now_s)]
        if self._is_known_alone(request, reason):
            return [Decision(ticket, Fault.OWN), *self._decided(now_s)]
        refusal = _Refusal(request, reason, now_s)
        self._recent.append(refusal)
        self._undecided[ticket] = refusal
        return self._decided(now_s)

    def blame_everybody(self, reason: Hashable) -> None:
        """Make a reason common without comparing, until a request that starts later is accepted."""
        if reason != self._common_reason:
            self._common_reason, self._common_from = reason, self._begun

    def withdraw(self, ticket: Ticket, now_s: float) -> list[Decision]:
        """Record that it ended in a way that tells nothing. Returns the decisions that no other request can change."""
        self._under_way.discard(ticket)
        return self._decided(now_s)

    def give_up_waiting(self, ticket: Ticket) -> list[Decision]:
        """Stop waiting for others: an undecided refusal counts as the request's own fault."""
        return [Decision(ticket, Fault.OWN)] if self._undecided.pop(ticket, None) else []

    def failed_alike(self, now_s: float) -> set[Hashable]:
        """Return the requests refused for the common reason within the window before it became common."""
        return {refusal.request for refusal in self._alike(self._common_reason, now_s)}

    def _decided(self, now_s: float) -> list[Decision]:
        if not self._undecided:
            return []
        for reason in dict.fromkeys(refusal.reason for refusal in self._undecided.values()):
            if self._is_common(reason, now_s):
                self._common_reason, self._common_from = reason, self._begun
        common = [ticket for ticket, refusal in self._undecided.items() if refusal.reason == self._common_reason]
        own = [
            ticket
            for ticket in self._undecided
            if ticket not in common and (ticket < self._last_accepted or not self._under_way)
        ]
        return [*self._settled(common, Fault.COMMON), *self._settled(own, Fault.OWN)]

    def _settled(self, tickets: Iterable[Ticket], fault: Fault) -> list[Decision]:
        for ticket in tickets:
            refusal = self._undecided.pop(ticket)
            self._first_refused.setdefault((refusal.request, refusal.reason), self._begun)
            if len(self._first_refused) > MOST_REMEMBERED:
                self._first_refused.popitem(last=False)
        return [Decision(ticket, fault) for ticket in tickets]

    def _is_known_alone(self, request: Hashable, reason: Hashable) -> bool:
        begun = self._first_refused.get((request, reason))
        return begun is not None and self._last_accepted > begun

    def _is_common(self, reason: Hashable, now_s: float) -> bool:
        refused = len({refusal.request for refusal in self._alike(reason, now_s)})
        accepted = sum(ending is None for ending in self._recent)
        return refused >= self._least_requests and refused > accepted + len(self._under_way)

    def _alike(self, reason: Hashable, now_s: float) -> Iterable[_Refusal]:
        refusals = [ending for ending in self._recent if ending is not None]
        return (
            refusal
            for refusal in (*refusals, *self._undecided.values())
            if refusal.reason == reason and now_s - refusal.at_s <= self._window_s
        )
