"""How many dead letters are too many: a bad deploy upstream must not empty the topic into them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consumer.errors import FatalError

RATIO_WINDOW_RECORDS = 1_000
_ADVICE = "look at the last dead letters, then mend the producer or raise the limit"


class TooManyDeadLetters(FatalError):
    """So many records are invalid that something is wrong with all of them."""


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """Trips on a run of invalid records, or on their share of the last thousand.

    A single invalid record is normal input; nothing but invalid records means that the producer's
    format has changed, and then the records should stay where they are until someone has looked.
    """

    max_run: int
    max_ratio: float
    run: int = 0
    recent: tuple[bool, ...] = ()

    def after(self, valid: Sequence[bool]) -> "DeadLetterLimit":
        """The limit after these records, in their order; true stands for a valid one.

        Raises:
            TooManyDeadLetters: with these the limit is passed.
        """
        run = self.run
        for is_valid in valid:
            run = 0 if is_valid else run + 1
            if run > self.max_run:
                raise TooManyDeadLetters(
                    f"more than {self.max_run} invalid records in a row (DEAD_LETTER_MAX_RUN); {_ADVICE}"
                )
        recent = (*self.recent, *valid)[-RATIO_WINDOW_RECORDS:]
        if len(recent) == RATIO_WINDOW_RECORDS and recent.count(False) > self.max_ratio * len(recent):
            raise TooManyDeadLetters(
                f"more than {self.max_ratio:.0%} of the last {RATIO_WINDOW_RECORDS} records are invalid "
                f"(DEAD_LETTER_MAX_RATIO); {_ADVICE}"
            )
        return replace(self, run=run, recent=recent)
