"""How many records may be rejected: a bad deploy upstream must not empty the topic into the dead letters. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consumer.errors import FatalError

RATIO_WINDOW_RECORDS = 1_000


class Flood(FatalError):
    """So many records are rejected that something is wrong with all of them."""


@dataclass(frozen=True, slots=True)
class FloodKind:
    """The kind of records in a flood, the settings that limit it, and what to do about it."""

    adjective: str
    max_run_setting: str
    max_ratio_setting: str
    advice: str


INVALID = FloodKind(
    "invalid",
    "DEAD_LETTER_MAX_RUN",
    "DEAD_LETTER_MAX_RATIO",
    "look at the last dead letters, then fix the producer or raise the limit",
)
IGNORED = FloodKind(
    "of other event types",
    "IGNORED_MAX_RUN",
    "IGNORED_MAX_RATIO",
    "name the types that are meant in OVERLAY_EVENT_TYPES, or raise the limit for a topic that is shared",
)


@dataclass(frozen=True, slots=True)
class FloodLimit:
    """Trips on a run of rejected records, or on their share of the last thousand.

    A single one is normal; nothing but rejected records means that the producer has changed, and then the records
    should stay where they are until someone has looked.
    """

    kind: FloodKind
    max_run: int
    max_ratio: float
    run: int = 0
    recent: tuple[bool, ...] = ()

    def after(self, good: Sequence[bool]) -> "FloodLimit":
        """Return the limit after these records, in order; false stands for a rejected one.

        Raises:
            Flood: the limit is exceeded.
        """
        kind, run = self.kind, self.run
        for is_good in good:
            run = 0 if is_good else run + 1
            if run > self.max_run:
                raise Flood(
                    f"more than {self.max_run} records in a row are {kind.adjective} ({kind.max_run_setting}); "
                    f"{kind.advice}"
                )
        recent = (*self.recent, *good)[-RATIO_WINDOW_RECORDS:]
        if len(recent) == RATIO_WINDOW_RECORDS and recent.count(False) > self.max_ratio * len(recent):
            raise Flood(
                f"more than {self.max_ratio:.0%} of the last {RATIO_WINDOW_RECORDS} records are {kind.adjective} "
                f"({kind.max_ratio_setting}); {kind.advice}"
            )
        return replace(self, run=run, recent=recent)
