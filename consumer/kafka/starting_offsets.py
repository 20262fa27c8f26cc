"""Where to begin reading a partition: what was committed, what is still there, and what is lost between. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """The offset to begin with. `lost_from`: the first offset that was not read and is gone; None when none is."""

    offset: int
    lost_from: int | None = None
    is_new_topic: bool = False


def start_of(known: int | None, *, first: int, end: int, is_same_topic: bool = True) -> Start:
    """Begin at the `known` offset (committed, or reached) if the partition has it.

    `first` is the offset of its oldest record, `end` that of the next one to be written. What lies beyond the end
    speaks of another topic of this name, or of records that an unclean election took back: all is read, and the
    ledger knows what it has seen. Nothing known means that nobody has read the partition: nothing is lost by that.
    """
    if not is_same_topic or (known is not None and known > end):
        return Start(first, is_new_topic=True)
    if known is None:
        return Start(first)
    if known < first:
        return Start(first, lost_from=known)
    return Start(known)
