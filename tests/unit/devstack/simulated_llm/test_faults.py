from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devstack.simulated_llm.faults import FAULT_RULES, CallIdentity, FaultPlan


def plan(*rules: Mapping[str, object]) -> FaultPlan:
    return FaultPlan(FAULT_RULES.validate_python(list(rules)))


def picked(faults: FaultPlan, key: str = "overlay/1/1", attempt: int | None = 1, user_text: str = "") -> str | None:
    rule = faults.pick(1, CallIdentity(key, 1, attempt), user_text)
    return rule.kind if rule else None


def test_without_rules_nothing_goes_wrong() -> None:
    assert picked(plan()) is None


def test_the_first_rule_that_applies_decides() -> None:
    faults = plan({"kind": "refusal", "match": "shirt"}, {"kind": "length"})
    assert picked(faults, user_text="a blue shirt") == "refusal"
    assert picked(faults, user_text="a pot") == "length"


def test_a_rule_matches_the_request_id_or_the_users_messages() -> None:
    faults = plan({"kind": "refusal", "match": "abc"})
    assert picked(faults, key="abc/1/1") == "refusal"
    assert picked(faults, user_text="xabcx") == "refusal"
    assert picked(faults) is None


def test_first_counts_the_calls_that_match() -> None:
    faults = plan({"kind": "length", "first": 2, "match": "shirt"})
    assert [picked(faults, user_text="shirt") for _ in range(3)] == ["length", "length", None]
    assert picked(faults, user_text="pot") is None


def test_a_spent_rule_leaves_the_next_one_its_turn() -> None:
    faults = plan({"kind": "length", "first": 1}, {"kind": "refusal", "first": 1})
    assert [picked(faults) for _ in range(3)] == ["length", "refusal", None]


def test_attempts_restrict_a_rule_to_calls_that_name_theirs() -> None:
    faults = plan({"kind": "length", "attempts": [1, 3]})
    assert [picked(faults, attempt=attempt) for attempt in (1, 2, 3, None)] == ["length", None, "length", None]


def test_a_rate_strikes_about_that_share_of_the_calls() -> None:
    faults = plan({"kind": "server_error_500", "rate": 0.2})
    struck = sum(picked(faults, key=f"call {number}") is not None for number in range(2000))
    assert 320 < struck < 480


@given(st.permutations(range(20)))
def test_the_order_of_the_calls_does_not_change_which_are_struck(order: list[int]) -> None:
    faults = plan({"kind": "hang", "rate": 0.5})
    struck = {number for number in order if picked(faults, key=str(number))}
    in_order = plan({"kind": "hang", "rate": 0.5})
    assert struck == {number for number in range(20) if picked(in_order, key=str(number))}


def test_a_call_that_comes_again_draws_again() -> None:
    faults = plan({"kind": "rate_limited", "rate": 0.5})
    draws = [faults.pick(1, CallIdentity("same", occurrence, 1), "") for occurrence in range(1, 50)]
    assert any(draws)
    assert not all(draws)


def test_another_seed_strikes_other_calls() -> None:
    faults = plan({"kind": "hang", "rate": 0.5})
    calls = [CallIdentity(str(number), 1, 1) for number in range(50)]
    one, other = ([bool(faults.pick(seed, call, "")) for call in calls] for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"kind": "earthquake"}, "earthquake"),
        ({}, "kind"),
        ({"kind": "length", "rate": 1.5}, "rate"),
        ({"kind": "length", "first": -1}, "first"),
        ({"kind": "length", "attempts": [0]}, "attempts"),
        ({"kind": "length", "hang_s": 3}, "hang_s"),
        ({"kind": "hang", "hang_s": "soon"}, "hang_s"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_where_it_is_wrong(rule: Mapping[str, object], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        plan(rule)
