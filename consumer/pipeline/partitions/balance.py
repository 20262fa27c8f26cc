"""Which process is to read which partition: even shares, and as few moves as they can be had with. Pure."""

from collections.abc import Collection, Mapping


def balanced(partitions: Collection[int], members: Collection[str], holders: Mapping[int, str]) -> dict[int, str]:
    """Give each partition a member, from who holds what now.

    The counts of any two members differ by one at most. A member keeps what it holds up to its share, and the
    larger shares go to those that hold most; so no assignment with such counts moves fewer partitions, and one that
    is balanced stays as it is. All members come to the same result, from the same view.
    """
    held = {member: sorted(one for one in partitions if holders.get(one) == member) for member in members}
    shares = _shares(len(partitions), {member: len(some) for member, some in held.items()})
    target = {partition: member for member, share in shares.items() for partition in held[member][:share]}
    vacancies = (member for member, share in shares.items() for _ in range(share - len(held[member])))
    unassigned = (partition for partition in sorted(partitions) if partition not in target)
    return target | dict(zip(unassigned, vacancies, strict=False))


def _shares(partitions: int, held: Mapping[str, int]) -> dict[str, int]:
    """Return how many partitions each member is to have; who holds most is the first to get one more."""
    if not held:
        return {}
    each, left_over = divmod(partitions, len(held))
    by_holding = sorted(held, key=lambda member: (-held[member], member))
    return {member: each + (rank < left_over) for rank, member in enumerate(by_holding)}
