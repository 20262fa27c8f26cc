"""The schedule of faults: a pure function of the seed. The same seed gives the same schedule.

Faults come in three lanes that run side by side, so that a process may be frozen while Postgres is down
and the LLM answers 500. Within a lane one fault ends before the next begins. Each lane deals its kinds
like a deck of cards: none comes a second time before all have come once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

ProcessFault = Literal["kill_consumer", "kill_storm", "freeze_consumer", "stop_consumer", "rebalance_storm", "replay"]
ServerFault = Literal[
    "kill_broker",
    "crash_postgres",
    "refuse_connections",
    "freeze_connections",
    "cut_connections",
    "lose_answer",
    "lock_rows",
    "delete_unread",
]
LlmFault = Literal[
    "llm_rate_limited",
    "llm_rate_limited_silent",
    "llm_server_error",
    "llm_unavailable",
    "llm_hang",
    "llm_late",
    "llm_reset",
    "llm_truncated",
    "llm_html",
    "llm_length",
    "llm_bad_content",
    "llm_shapes",
    "llm_unusable",
    "llm_refuses_all",
    "llm_slow",
    "llm_quota",
    "llm_payment",
    "llm_unauthorized",
]
FaultKind = ProcessFault | ServerFault | LlmFault
Lane = Literal["process", "server", "llm"]

LANES: Mapping[Lane, tuple[FaultKind, ...]] = {
    "process": get_args(ProcessFault),
    "server": get_args(ServerFault),
    "llm": get_args(LlmFault),
}
FAULT_KINDS: tuple[FaultKind, ...] = tuple(kind for kinds in LANES.values() for kind in kinds)
STATEMENTS = ("claim_new", "enter_waiting", "claim_available", "store", "postpone", "fail", "delete_published")
"""Whose answer `lose_answer` loses: names of statements, see `tests.chaos.lost_answers`."""

LEASE_S = 5.0
BEYOND_LEASE_S = (7.0, 9.0)  # longer than the leases of requests and of partitions
# How long a fault lasts, in s: lower and upper end. What takes no time has the time until it is seen.
_BRIEF_S = (1.0, 1.8)
DURATIONS_S: Mapping[FaultKind, tuple[float, float]] = {
    **dict.fromkeys(LANES["llm"], _BRIEF_S),
    "kill_consumer": (0.2, 2.0),
    "kill_storm": (0.1, 0.5),
    "freeze_consumer": BEYOND_LEASE_S,
    "stop_consumer": (0.2, 2.0),
    "rebalance_storm": (3.0, 6.0),
    "replay": (5.0, 8.0),
    "kill_broker": (0.5, 3.0),
    "crash_postgres": (0.2, 3.0),
    "refuse_connections": (1.0, 8.0),
    "freeze_connections": (1.0, 8.0),
    "cut_connections": (0.1, 0.5),
    "lose_answer": (1.0, 3.0),
    "lock_rows": (1.0, 2.5),  # shorter than a lease lasts that cannot be extended meanwhile
    "delete_unread": (0.1, 0.5),
}
GAP_S: Mapping[Lane, tuple[float, float]] = {"process": (0.5, 2.0), "server": (0.5, 2.5), "llm": (0.7, 1.3)}
FIRST_FAULT_S = 1.5


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `at_s` after the start at the earliest, for `duration_s`.

    `target` is the number of a consumer; `statement` says whose answer is lost.
    """

    at_s: float
    kind: FaultKind
    duration_s: float
    target: int
    statement: str


Schedule = Mapping[Lane, tuple[Fault, ...]]


def fault_schedule(seed: int, seconds: float, *, consumers: int) -> Schedule:
    """The faults of a run whose last one begins before `seconds`, by lane in their order."""
    return {lane: _lane(Random(f"{seed}/{lane}"), lane, seconds, consumers) for lane in LANES}


def _lane(random: Random, lane: Lane, seconds: float, consumers: int) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    deck: list[FaultKind] = []
    at_s = FIRST_FAULT_S + random.uniform(*GAP_S[lane])
    while at_s < seconds:
        if not deck:
            deck = list(LANES[lane])
            random.shuffle(deck)
        fault = _fault(random, deck.pop(), at_s, consumers)
        faults.append(fault)
        at_s = round(at_s + fault.duration_s + random.uniform(*GAP_S[lane]), 2)
    return tuple(faults)


def _fault(random: Random, kind: FaultKind, at_s: float, consumers: int) -> Fault:
    return Fault(
        at_s=round(at_s, 2),
        kind=kind,
        duration_s=round(random.uniform(*DURATIONS_S[kind]), 2),
        target=random.randrange(consumers),
        statement=random.choice(STATEMENTS),
    )
