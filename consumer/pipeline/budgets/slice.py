"""A slice: the part of a budget's money that this process has drawn, and what it does with it."""

from dataclasses import dataclass, field
from decimal import Decimal

NOTHING = Decimal(0)


@dataclass(slots=True)
class Slice:
    """Amounts in the budget's unit. What is neither spent nor reserved is free.

    `unsettled` counts ended calls that the database has not been told of, which took `untold`; `used` is what was
    reserved since `surplus` was last asked for.
    """

    drawn: Decimal = NOTHING
    spent: Decimal = NOTHING
    reserved: Decimal = NOTHING
    unsettled: int = 0
    untold: Decimal = NOTHING
    used: Decimal = field(default=NOTHING, repr=False)

    @property
    def free(self) -> Decimal:
        """What may be reserved. Negative after a call that cost more than its worst case."""
        return self.drawn - self.spent - self.reserved

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way and the database knows all there is."""
        return not self.reserved and not self.unsettled

    def draw(self, amount: Decimal) -> None:
        """Have more."""
        self.drawn += amount

    def reserve(self, worst: Decimal) -> bool:
        """Set the worst case of a call aside; False, and nothing is done, if there is not enough."""
        if worst > self.free:
            return False
        self.reserved += worst
        self.used += worst
        return True

    def cancel(self, worst: Decimal) -> None:
        """Free what was reserved for a call that is not made."""
        self.reserved -= worst

    def end(self, worst: Decimal, cost: Decimal) -> None:
        """Have a call that was reserved at `worst` cost this; the database is still to be told."""
        self.reserved -= worst
        self.spent += cost
        self.unsettled += 1
        self.untold += cost

    def told(self, cost: Decimal) -> None:
        """Note that the database knows of a call that ended."""
        if self.unsettled:
            self.unsettled -= 1
            self.untold -= cost

    def surplus(self) -> Decimal:
        """Take out what is free beyond what was reserved since the last time, to be given back."""
        surplus = max(NOTHING, self.free - self.used)
        self.used = NOTHING
        self.drawn -= surplus
        return surplus
