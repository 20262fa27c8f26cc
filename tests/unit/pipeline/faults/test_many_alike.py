"""Whose fault a refusal is, for one request and for many."""

# ruff: noqa: D102 - rules and invariants are sentences by their names

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.pipeline.faults.many_alike import Decision, Fault, ManyAlike, Ticket

LEAST = 5
WINDOW_S = 300.0


def subject() -> ManyAlike:
    return ManyAlike(least_requests=LEAST, window=20, window_s=WINDOW_S)


def faults(decisions: list[Decision]) -> dict[Ticket, Fault]:
    return {decision.ticket: decision.fault for decision in decisions}


def refuse(alike: ManyAlike, ticket: Ticket, *, reason: str = "bad", request: object = None) -> dict[Ticket, Fault]:
    return faults(alike.refuse(ticket, request=request or ticket, reason=reason, now_s=0))


def test_one_that_is_refused_alone_in_the_world_is_to_blame_at_once() -> None:
    alike = subject()
    only = alike.begin()
    assert refuse(alike, only) == {only: Fault.OWN}


def test_one_that_is_refused_while_others_are_under_way_waits_for_them() -> None:
    alike = subject()
    bad, other = alike.begin(), alike.begin()
    assert refuse(alike, bad) == {}
    assert faults(alike.accept(other, 0)) == {bad: Fault.OWN}


def test_one_that_began_before_says_nothing_about_it() -> None:
    alike = subject()
    before, bad, after = alike.begin(), alike.begin(), alike.begin()
    refuse(alike, bad)
    assert alike.accept(before, 0) == []
    assert faults(alike.withdraw(after, 0)) == {bad: Fault.OWN}


def test_of_a_thousand_that_are_all_refused_none_is_to_blame() -> None:
    alike = subject()
    tickets = [alike.begin() for _ in range(1_000)]
    decided = [
        decision for ticket in tickets for decision in alike.refuse(ticket, request=ticket, reason="bad", now_s=0)
    ]
    assert Counter(decision.fault for decision in decided) == {Fault.COMMON: 1_000}
    assert alike.common_reason == "bad"


def test_those_that_failed_one_by_one_before_it_showed_are_named() -> None:
    alike = subject()
    failed = []
    for number in range(LEAST):
        ticket = alike.begin()
        if faults(alike.refuse(ticket, request=number, reason="bad", now_s=float(number))) == {ticket: Fault.OWN}:
            failed.append(number)
    assert failed == list(range(LEAST - 1))
    assert alike.failed_alike(LEAST) >= set(failed)


def test_what_lies_further_back_than_the_window_is_another_matter() -> None:
    alike = subject()
    for number in range(20):
        ticket = alike.begin()
        alike.refuse(ticket, request=number, reason="bad", now_s=number * WINDOW_S)
    assert alike.common_reason is None


def test_one_request_that_is_refused_again_and_again_is_one() -> None:
    alike = subject()
    for _ in range(20):
        assert refuse(alike, ticket := alike.begin(), request="the same") == {ticket: Fault.OWN}
    assert alike.common_reason is None


def test_different_reasons_are_not_alike() -> None:
    alike = subject()
    for number in range(20):
        refuse(alike, alike.begin(), reason=f"reason {number % (LEAST + 1)}")
    assert alike.common_reason is None


def test_a_burst_of_bad_ones_that_ends_before_the_good_ones_is_not_taken_for_an_outage() -> None:
    """A refusal takes milliseconds, an answer seconds: at the start all that has ended was refused."""
    alike = subject()
    tickets = [alike.begin() for _ in range(200)]
    bad, good = tickets[::20], [ticket for ticket in tickets if ticket % 20 != 1]
    assert [
        decision for ticket in bad for decision in alike.refuse(ticket, request=ticket, reason="bad", now_s=0)
    ] == []
    decided = [decision for ticket in good for decision in alike.accept(ticket, 2)]
    assert faults(decided) == dict.fromkeys(bad, Fault.OWN)


def test_a_change_in_the_middle_of_the_work_is_seen_and_blames_nobody() -> None:
    alike = subject()
    for _ in range(100):
        alike.accept(alike.begin(), 0)
    tickets = [alike.begin() for _ in range(200)]
    decided = [
        decision for ticket in tickets for decision in alike.refuse(ticket, request=ticket, reason="bad", now_s=0)
    ]
    assert set(faults(decided).values()) == {Fault.COMMON}


def test_a_probe_that_is_accepted_ends_it_and_only_the_guilty_fail_when_they_come_back() -> None:
    alike = subject()
    crowd = [alike.begin() for _ in range(50)]
    for ticket in crowd:
        refuse(alike, ticket, request=f"request {ticket}")

    alike.accept(alike.begin(), 5)

    assert alike.common_reason is None
    for ticket in crowd[:25]:
        assert refuse(alike, again := alike.begin(), request=f"request {ticket}") == {again: Fault.OWN}
    assert alike.common_reason is None


def test_a_late_acceptance_of_one_that_began_before_ends_nothing() -> None:
    alike = subject()
    late, *crowd = [alike.begin() for _ in range(50)]
    for ticket in crowd:
        refuse(alike, ticket)
    alike.accept(late, 0)
    assert alike.common_reason == "bad"


def test_patience_may_end_before_others_have_told() -> None:
    alike = subject()
    bad, _slow = alike.begin(), alike.begin()
    refuse(alike, bad)
    assert faults(alike.give_up_waiting(bad)) == {bad: Fault.OWN}
    assert alike.give_up_waiting(bad) == []


@given(st.integers(1, 40), st.integers(1, 60))
def test_when_everybody_is_refused_fewer_than_the_least_number_fail(at_once: int, rounds: int) -> None:
    alike = subject()
    fates: Counter[Fault] = Counter()
    for _ in range(rounds):
        for ticket in [alike.begin() for _ in range(at_once)]:
            decisions = alike.refuse(ticket, request=ticket, reason="bad", now_s=0)
            fates.update(decision.fault for decision in decisions)
    assert fates[Fault.OWN] < LEAST
    assert fates.total() == at_once * rounds


@given(st.integers(1, LEAST - 1), st.integers(0, 50), st.randoms())
def test_fewer_than_the_least_number_are_never_everybody(bad: int, good: int, order: random.Random) -> None:
    alike = subject()
    tickets = [alike.begin() for _ in range(bad + good)]
    decided: list[Decision] = []
    for ticket in order.sample(tickets, len(tickets)):
        decided += (
            alike.refuse(ticket, request=ticket, reason="bad", now_s=0) if ticket <= bad else alike.accept(ticket, 0)
        )
    assert faults(decided) == dict.fromkeys(tickets[:bad], Fault.OWN)


class AnyOrderOfEndings(RuleBasedStateMachine):
    """Requests begin and end in any order and way; each refusal is decided once, and nothing stays undecided."""

    def __init__(self) -> None:
        super().__init__()
        self.alike = subject()
        self.now_s = 0.0
        self.under_way: list[Ticket] = []
        self.refused: set[Ticket] = set()
        self.decided: dict[Ticket, Fault] = {}

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            assert decision.ticket in self.refused
            assert decision.ticket not in self.decided
            self.decided[decision.ticket] = decision.fault

    @rule()
    def one_begins(self) -> None:
        self.under_way.append(self.alike.begin())

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def one_is_accepted(self, data: st.DataObject) -> None:
        self.take(self.alike.accept(self.pick(data), self.now_s))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), reason=st.sampled_from("ab"), request=st.integers(0, 8))
    def one_is_refused(self, data: st.DataObject, reason: str, request: int) -> None:
        ticket = self.pick(data)
        self.refused.add(ticket)
        self.take(self.alike.refuse(ticket, request=request, reason=reason, now_s=self.now_s))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def one_ends_without_telling(self, data: st.DataObject) -> None:
        self.take(self.alike.withdraw(self.pick(data), self.now_s))

    @precondition(lambda self: self.refused - self.decided.keys())
    @rule()
    def patience_ends(self) -> None:
        self.take(self.alike.give_up_waiting(min(self.refused - self.decided.keys())))

    @rule(seconds=st.floats(0, 400))
    def time_goes_by(self, seconds: float) -> None:
        self.now_s += seconds

    def pick(self, data: st.DataObject) -> Ticket:
        ticket = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(ticket)
        return ticket

    @invariant()
    def with_nobody_under_way_nothing_is_undecided(self) -> None:
        if not self.under_way:
            assert self.decided.keys() == self.refused

    @invariant()
    def what_is_common_was_refused_for(self) -> None:
        assert self.alike.common_reason is None or Fault.COMMON in self.decided.values()


TestAnyOrderOfEndings = AnyOrderOfEndings.TestCase
