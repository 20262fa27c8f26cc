"""Slices, in any order of what may happen to them: what is drawn is never reserved twice."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.budgets.slice import Slice

AMOUNTS = st.decimals(0, 10, places=6)


@given(st.lists(st.tuples(st.sampled_from(["draw", "reserve", "cancel", "end", "give back", "tell"]), AMOUNTS)))
def test_reserved_and_spent_are_within_what_was_drawn_and_not_given_back(steps: list[tuple[str, Decimal]]) -> None:
    in_hand = Slice()
    under_way: list[Decimal] = []
    untold: list[Decimal] = []
    drawn = spent = Decimal(0)
    for step, amount in steps:
        match step:
            case "draw":
                in_hand.draw(amount)
                drawn += amount
            case "reserve":
                fits = in_hand.free >= amount
                assert in_hand.reserve(amount) is fits
                under_way += [amount] if fits else []
            case "cancel" if under_way:
                in_hand.cancel(under_way.pop())
            case "end" if under_way:
                worst = under_way.pop()
                cost = min(worst, amount)
                in_hand.end(worst, cost)
                untold.append(cost)
                spent += cost
            case "give back":
                drawn -= in_hand.surplus()
            case "tell" if untold:
                in_hand.told(untold.pop())
        assert in_hand.drawn == drawn
        assert in_hand.spent + in_hand.reserved <= drawn
        assert in_hand.free == drawn - spent - sum(under_way)
        assert in_hand.untold == sum(untold)
        assert in_hand.is_idle is (sum(under_way) == 0 and not untold)


def test_what_was_not_needed_since_the_last_round_is_given_back() -> None:
    in_hand = Slice(drawn=Decimal(10))
    assert in_hand.reserve(Decimal(3))
    assert in_hand.surplus() == 4
    assert in_hand.surplus() == 3
    assert in_hand.free == 0


def test_a_call_dearer_than_its_worst_case_is_booked_all_the_same() -> None:
    in_hand = Slice(drawn=Decimal(1))
    assert in_hand.reserve(Decimal(1))
    in_hand.end(Decimal(1), Decimal(2))
    assert in_hand.free == -1
    assert not in_hand.reserve(Decimal("0.1"))
