"""Whose fault a refusal is: one request's, or everybody's. Pure.

A provider that refuses, an answer that is unusable, a row that the database will not take: of one such refusal
nobody can tell. What happens to the others tells. When one that began later is accepted, the refused request alone is
to blame. When many different ones are refused for the same reason and hardly any is accepted, none of them is: then
nothing more is to be paid until one that is tried as a probe is accepted.

Until one of the two shows, a refusal stays undecided, as long as others are on their way. A request that was refused,
came back after others had been accepted meanwhile, and is refused again, is to blame without more ado; a crowd of
such requests does not count against the rest.
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
    """What has shown about the refusal of the request with this ticket."""

    ticket: Ticket
    fault: Fault


@dataclass(frozen=True, slots=True)
class _Refusal:
    request: Hashable
    reason: Hashable
    at_s: float


class ManyAlike:
    """Tells refusals apart, on a clock that is an argument.

    Common is a reason for which at least `least_requests` different requests were refused within `window_s`, and
    more of them than were accepted among the last `window` endings or are still on their way. It stays common until
    a request is accepted that began after that.
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
        # how many had begun when a request was first refused for a reason
        self._first_refused: OrderedDict[tuple[Hashable, Hashable], int] = OrderedDict()
        self._common_reason: Hashable | None = None
        self._common_from = 0

    @property
    def common_reason(self) -> Hashable | None:
        """The reason for which everybody is refused now; None while there is none."""
        return self._common_reason

    def begin(self) -> Ticket:
        """Note that a request is tried; it is due back by `accept`, `refuse` or `withdraw`."""
        self._begun += 1
        ticket = Ticket(self._begun)
        self._under_way.add(ticket)
        return ticket

    def accept(self, ticket: Ticket, now_s: float) -> list[Decision]:
        """Note that it was accepted. Returns what has shown about others by that."""
        self._under_way.discard(ticket)
        self._last_accepted = max(self._last_accepted, ticket)
        if self._common_reason is not None and ticket > self._common_from:
            self._common_reason = None
            self._recent.clear()
        self._recent.append(None)
        return self._decided(now_s)

    def refuse(self, ticket: Ticket, *, request: Hashable, reason: Hashable, now_s: float) -> list[Decision]:
        """Note that it was refused. Returns what has shown, about it and others; what has not is decided later."""
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
        """Know without comparing that nobody is accepted, for this reason, until one that begins later is."""
        if reason != self._common_reason:
            self._common_reason, self._common_from = reason, self._begun

    def withdraw(self, ticket: Ticket, now_s: float) -> list[Decision]:
        """Note that it ended in a way that tells nothing. Returns what nobody is left to tell more about."""
        self._under_way.discard(ticket)
        return self._decided(now_s)

    def give_up_waiting(self, ticket: Ticket) -> list[Decision]:
        """Stop waiting for others to tell: the refusal counts as the request's own, if still undecided."""
        return [Decision(ticket, Fault.OWN)] if self._undecided.pop(ticket, None) else []

    def failed_alike(self, now_s: float) -> set[Hashable]:
        """Return which were refused for the common reason within the window, although it was not known as such."""
        return {refusal.request for refusal in self._alike(self._common_reason, now_s)}

    def _decided(self, now_s: float) -> list[Decision]:
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
