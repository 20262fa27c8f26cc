"""The schedule and the traffic come from the seed alone."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.schedule import DURATIONS_S, FAULT_KINDS, LANES, fault_schedule
from tests.chaos.traffic import traffic

CONSUMERS = 3
REASONABLE_S = 60
A_WHILE_S = 10
few_examples = settings(max_examples=10, deadline=None)
seeds = st.integers(min_value=0, max_value=2**31)


@few_examples
@given(seeds)
def test_the_same_seed_gives_the_same_schedule_and_traffic(seed: int) -> None:
    assert fault_schedule(seed, 20, consumers=CONSUMERS) == fault_schedule(seed, 20, consumers=CONSUMERS)
    assert traffic(seed, 3) == traffic(seed, 3)


def test_different_seeds_give_different_schedules() -> None:
    assert fault_schedule(1, 20, consumers=CONSUMERS) != fault_schedule(2, 20, consumers=CONSUMERS)
    assert traffic(1, 3) != traffic(2, 3)


@given(seeds)
def test_every_kind_of_fault_happens_in_a_minute(seed: int) -> None:
    faults = [fault for lane in fault_schedule(seed, REASONABLE_S, consumers=CONSUMERS).values() for fault in lane]
    assert {fault.kind for fault in faults} == set(FAULT_KINDS)


@given(seeds)
def test_within_a_lane_a_fault_ends_before_the_next_begins(seed: int) -> None:
    for lane, faults in fault_schedule(seed, REASONABLE_S, consumers=CONSUMERS).items():
        for fault, following in pairwise(faults):
            assert fault.kind in LANES[lane]
            assert following.at_s >= fault.at_s + fault.duration_s


@given(seeds)
def test_faults_keep_within_the_time_their_kind_may_last(seed: int) -> None:
    for faults in fault_schedule(seed, REASONABLE_S, consumers=CONSUMERS).values():
        for fault in faults:
            shortest_s, longest_s = DURATIONS_S[fault.kind]
            assert shortest_s <= fault.duration_s <= longest_s
            assert fault.at_s < REASONABLE_S
            assert 0 <= fault.target < CONSUMERS


def test_traffic_has_poison_duplicates_and_refused_events_among_the_good() -> None:
    records = [record for burst in traffic(1, REASONABLE_S) for record in burst.records]
    assert {record.kind for record in records} == {"valid", "batched", "refused", "duplicate", "poison"}
    assert all((record.overlay_id is None) == (record.kind == "poison") for record in records)


@few_examples
@given(seeds)
def test_a_duplicate_is_about_an_overlay_sent_before(seed: int) -> None:
    known = set()
    for record in (record for burst in traffic(seed, A_WHILE_S) for record in burst.records):
        assert (record.overlay_id in known) == (record.kind == "duplicate")
        if record.overlay_id:
            known.add(record.overlay_id)
