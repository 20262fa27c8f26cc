"""Where to start reading a partition: the committed offset, the first available one, and what is lost between. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """The starting offset. `lost_from`: the first unread offset that is gone, if any."""

    offset: int
    lost_from: int | None = None
    is_new_topic: bool = False


def start_of(known: int | None, *, first: int, end: int, is_same_topic: bool = True) -> Start:
    """Start at the `known` offset (committed, or reached) if the partition has it.

    `first` is the offset of its oldest record, `end` that of the next one to be written. A known offset beyond the end
    indicates a recreated topic, or records lost in an unclean election: everything is read, and the ledger knows
    duplicates. Without a known offset the partition has never been read, so nothing is lost.
    """
    if not is_same_topic or (known is not None and known > end):
        return Start(first, is_new_topic=True)
    if known is None:
        return Start(first)
    if known < first:
        return Start(first, lost_from=known)
    return Start(known)
