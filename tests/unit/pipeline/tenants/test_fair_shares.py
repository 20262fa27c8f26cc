from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.tenants.fair_shares import FairShares, Terms

TENANTS = st.sampled_from(["a", "b", "c", "d"])
WEIGHTS = st.floats(min_value=0.1, max_value=10)


def shares(**terms: Terms) -> FairShares:
    return FairShares(lambda tenant_id: terms.get(tenant_id, Terms()))


@dataclass
class Served:
    """What a run of turns came to, while all of `sizes` wait without end."""

    tokens: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)


def serve(one: FairShares, sizes: Mapping[str, int], *, turns: int, slots: int = 10) -> Served:
    """Share out so many slots again and again, each turn's requests ending before the next."""
    served = Served()
    for _ in range(turns):
        begun = [
            (tenant_id, one.begin(tenant_id))
            for tenant_id, count in one.share_out(sizes, slots).items()
            for _ in range(count)
        ]
        for tenant_id, charged in begun:
            one.settle(tenant_id, charged, sizes[tenant_id])
            served.tokens[tenant_id] += sizes[tenant_id]
            served.requests[tenant_id] += 1
    return served


def test_by_weight_while_both_wait() -> None:
    served = serve(shares(a=Terms(3.0)), {"a": 700, "b": 700}, turns=200)

    assert 0.95 <= served.tokens["a"] / served.tokens["b"] / 3 <= 1.05


def test_by_tokens_not_by_requests() -> None:
    served = serve(shares(a=Terms(3.0)), {"a": 5_000, "b": 500}, turns=400)

    assert 0.95 <= served.tokens["a"] / served.tokens["b"] / 3 <= 1.05
    assert served.requests["b"] > served.requests["a"]


def test_an_hour_of_rest_earns_no_burst() -> None:
    one = shares()
    serve(one, {"a": 1_000}, turns=1_000)
    served = serve(one, {"a": 1_000, "b": 1_000}, turns=10)

    assert abs(served.requests["a"] - served.requests["b"]) <= 2


def test_what_was_taken_while_nobody_waited_is_not_held_against_anybody() -> None:
    one = shares()
    for _ in range(1_000):
        one.nobody_waits()
        one.settle("a", one.begin("a"), 1_000)
    served = serve(one, {"a": 1_000, "b": 1_000}, turns=10)

    assert abs(served.requests["a"] - served.requests["b"]) <= 2


def test_who_comes_to_a_flood_is_served_next() -> None:
    one = shares()
    serve(one, {"flood": 1_000}, turns=50)

    assert one.share_out(["flood", "small"], 10)["small"] == 5


def test_nobody_begins_more_than_their_limit() -> None:
    one = shares(a=Terms(max_in_flight=3))
    assert one.share_out(["a", "b"], 10) == {"a": 3, "b": 7}
    charged = [one.begin("a") for _ in range(3)]

    assert one.room("a") == 0
    assert one.share_out(["a"], 10) == {}
    one.settle("a", charged[0], 10)
    assert one.share_out(["a"], 10) == {"a": 1}


def test_who_waits_for_a_limit_of_its_own_earns_nothing() -> None:
    terms = {"slow": Terms(max_in_flight=1)}
    one = FairShares(lambda tenant_id: terms.get(tenant_id, Terms()))
    serve(one, {"slow": 1_000, "busy": 1_000}, turns=500)
    terms.clear()
    served = serve(one, {"slow": 1_000, "busy": 1_000}, turns=10)

    assert served.requests["slow"] <= served.requests["busy"] + 2


def test_a_limit_holds_for_all_who_share_the_count() -> None:
    in_flight: Counter[str] = Counter()
    live, background = (FairShares(lambda _: Terms(max_in_flight=2), in_flight) for _ in range(2))
    live.begin("a")

    assert background.share_out(["a"], 10) == {"a": 1}


def test_unknown_usage_leaves_the_charge() -> None:
    one = shares()
    charged = one.begin("a")
    one.settle("a", charged, None)

    assert one.counter("a") == charged


@given(st.lists(st.tuples(TENANTS, st.integers(0, 10_000) | st.none())), st.dictionaries(TENANTS, WEIGHTS))
def test_what_is_settled_is_what_was_taken(calls: Sequence[tuple[str, int | None]], weights: dict[str, float]) -> None:
    one = FairShares(lambda tenant_id: Terms(weights.get(tenant_id, 1.0)))
    begun = [(tenant_id, one.begin(tenant_id), tokens) for tenant_id, tokens in calls]
    taken: dict[str, float] = defaultdict(float)
    for tenant_id, charged, tokens in begun:
        one.settle(tenant_id, charged, tokens)
        taken[tenant_id] += charged if tokens is None else tokens

    assert not one.in_flight
    for tenant_id, sum_of_tokens in taken.items():
        assert one.counter(tenant_id) == pytest.approx(sum_of_tokens / weights.get(tenant_id, 1.0), abs=0.001)


@given(st.sets(TENANTS), st.integers(0, 50), st.dictionaries(TENANTS, st.integers(1, 5)))
def test_all_slots_go_out_while_anybody_may_have_one(waiting: set[str], slots: int, limits: dict[str, int]) -> None:
    one = FairShares(lambda tenant_id: Terms(1.0, limits.get(tenant_id)))
    shared = one.share_out(waiting, slots)

    wanted = sum(limits.get(tenant_id, slots) for tenant_id in waiting)
    assert sum(shared.values()) == min(slots, wanted)
    assert all(count <= limits.get(tenant_id, slots) for tenant_id, count in shared.items())


@given(
    st.dictionaries(TENANTS, st.integers(50, 5_000), min_size=2),
    st.dictionaries(TENANTS, WEIGHTS),
    st.integers(1, 40),
)
def test_counters_of_those_who_wait_stay_close_whatever_their_sizes_and_weights(
    sizes: dict[str, int], weights: dict[str, float], slots: int
) -> None:
    """The bound of the paper: no more apart than what one turn can charge."""
    one = FairShares(lambda tenant_id: Terms(weights.get(tenant_id, 1.0)))
    for _ in range(60):
        serve(one, sizes, turns=1, slots=slots)
    counters = [one.counter(tenant_id) for tenant_id in sizes]

    dearest = max(max(sizes[tenant_id], 1_000) / weights.get(tenant_id, 1.0) for tenant_id in sizes)
    assert max(counters) - min(counters) <= (slots + 1) * dearest


@given(st.lists(st.sets(TENANTS, min_size=1), min_size=1, max_size=40), TENANTS)
def test_nobody_who_waits_is_passed_over_for_long(turns: list[set[str]], patient: str) -> None:
    """However the others come and go, of four tenants alike one gets a slot within four turns of one."""
    one = shares()
    passed_over = 0
    for waiting in turns:
        [(tenant_id, _)] = one.share_out(waiting | {patient}, 1).items()
        one.settle(tenant_id, one.begin(tenant_id), 1_000)
        passed_over = 0 if tenant_id == patient else passed_over + 1
        assert passed_over <= 6


def test_thousands_of_tenants_that_come_once_are_forgotten() -> None:
    one = shares()
    for number in range(30_000):
        one.settle(f"tenant-{number}", one.begin(f"tenant-{number}"), 1_000)

    assert len(one._accounts) <= 10_000  # noqa: SLF001 - memory has no other trace


def test_more_names_than_are_remembered_at_rest_are_lifted_all_the_same() -> None:
    one = shares()
    serve(one, {"old": 1_000}, turns=10)
    names = [f"tenant-{number}" for number in range(10_500)]
    one.share_out(["old", *names], 10)

    assert {one.counter(name) for name in names} == {one.counter("old")}


def test_looking_for_idle_names_is_rare_even_if_all_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Counter[str]()
    forget_idle = FairShares._forget_idle  # noqa: SLF001 - it is what would take seconds

    def counted(one: FairShares) -> None:
        looks["looks"] += 1
        forget_idle(one)

    monkeypatch.setattr(FairShares, "_forget_idle", counted)
    shares().share_out([f"tenant-{number}" for number in range(30_000)], 10)

    assert looks["looks"] <= 3
