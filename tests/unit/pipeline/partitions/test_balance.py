from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.partitions.balance import balanced

PARTITIONS = st.sets(st.integers(0, 40), max_size=24)
MEMBERS = st.sets(st.sampled_from([f"process-{number}" for number in range(9)]), min_size=1)
HOLDERS = st.dictionaries(st.integers(0, 40), st.sampled_from([f"process-{number}" for number in range(9)]))


def moves(before: dict[int, str], after: dict[int, str]) -> int:
    return sum(after[partition] != before.get(partition) for partition in after)


def fewest_moves(partitions: set[int], members: set[str], holders: dict[int, str]) -> int:
    """By counting: `left_over` members may have one more, best those that hold more than an even share."""
    each, left_over = divmod(len(partitions), len(members))
    held = Counter(holders[partition] for partition in partitions if holders.get(partition) in members)
    kept = sum(min(held[member], each) for member in members)
    kept += min(left_over, sum(held[member] > each for member in members))
    return len(partitions) - kept


@given(PARTITIONS, MEMBERS, HOLDERS)
def test_every_partition_has_one_of_the_members_and_no_two_members_differ_by_more_than_one(
    partitions: set[int], members: set[str], holders: dict[int, str]
) -> None:
    target = balanced(partitions, members, holders)
    counts = Counter(dict.fromkeys(members, 0)) + Counter(target.values())
    assert target.keys() == partitions
    assert set(target.values()) <= members
    sizes = [counts[member] for member in members]
    assert max(sizes) - min(sizes) <= 1


@given(PARTITIONS, MEMBERS, HOLDERS)
def test_what_is_balanced_stays_as_it_is(partitions: set[int], members: set[str], holders: dict[int, str]) -> None:
    target = balanced(partitions, members, holders)
    assert balanced(partitions, members, target) == target


@given(PARTITIONS, MEMBERS, HOLDERS)
def test_no_fewer_partitions_could_move(partitions: set[int], members: set[str], holders: dict[int, str]) -> None:
    target = balanced(partitions, members, holders)
    assert moves(holders, target) == fewest_moves(partitions, members, holders)


@given(PARTITIONS, MEMBERS, st.sampled_from([f"process-{number}" for number in range(9)]))
def test_who_joins_takes_its_share_and_nothing_moves_among_the_others(
    partitions: set[int], members: set[str], newcomer: str
) -> None:
    before = balanced(partitions, members - {newcomer} or {"first"}, {})
    after = balanced(partitions, members | {newcomer}, before)
    others = members - {newcomer}
    assert all(after[one] in {newcomer, before[one]} for one in partitions if before[one] in others)


@given(PARTITIONS, MEMBERS, st.data())
def test_who_leaves_is_followed_by_the_others_and_nothing_else_moves(
    partitions: set[int], members: set[str], data: st.DataObject
) -> None:
    before = balanced(partitions, members, {})
    leaving = data.draw(st.sampled_from(sorted(members)))
    staying = members - {leaving} or {"last"}
    after = balanced(partitions, staying, before)
    assert all(after[one] == before[one] for one in partitions if before[one] in staying)


def test_without_members_nobody_reads() -> None:
    assert balanced({0, 1}, set(), {0: "gone"}) == {}
