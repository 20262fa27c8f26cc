"""Which process should read which partition: even shares with as few moves as possible. Pure."""

from collections.abc import Collection, Mapping


def balanced(partitions: Collection[int], members: Collection[str], holders: Mapping[int, str]) -> dict[int, str]:
    """Assign each partition to a member, given the current holders.

    The counts of any two members differ by at most one. A member keeps what it holds up to its share, and the larger
    shares go to those that hold most; so no even assignment moves fewer partitions, and a balanced one stays as it is.
    All members compute the same result from the same rows.
    """
    held = {member: sorted(one for one in partitions if holders.get(one) == member) for member in members}
    shares = _shares(len(partitions), {member: len(some) for member, some in held.items()})
    target = {partition: member for member, share in shares.items() for partition in held[member][:share]}
    vacancies = (member for member, share in shares.items() for _ in range(share - len(held[member])))
    unassigned = (partition for partition in sorted(partitions) if partition not in target)
    return target | dict(zip(unassigned, vacancies, strict=False))


def _shares(partitions: int, held: Mapping[str, int]) -> dict[str, int]:
    """Return how many partitions each member should have; those that hold most get the extra ones."""
    if not held:
        return {}
    each, left_over = divmod(partitions, len(held))
    by_holding = sorted(held, key=lambda member: (-held[member], member))
    return {member: each + (rank < left_over) for rank, member in enumerate(by_holding)}
