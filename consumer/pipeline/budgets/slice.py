"""A slice: the part of a budget that this process has drawn, and how much of it is reserved or spent."""

from dataclasses import dataclass, field
from decimal import Decimal

NOTHING = Decimal(0)


@dataclass(slots=True)
class Slice:
    """Amounts in the budget's unit; what is neither spent nor reserved is free.

    `unsettled` counts ended calls that are not booked yet, and `untold` is their cost; `used` is what was reserved
    since the last `surplus`.
    """

    drawn: Decimal = NOTHING
    spent: Decimal = NOTHING
    reserved: Decimal = NOTHING
    unsettled: int = 0
    untold: Decimal = NOTHING
    used: Decimal = field(default=NOTHING, repr=False)

    @property
    def free(self) -> Decimal:
        """What can be reserved. Negative after a call that cost more than its worst case."""
        return self.drawn - self.spent - self.reserved

    @property
    def is_idle(self) -> bool:
        """Whether no call is in flight and everything is booked."""
        return not self.reserved and not self.unsettled

    def draw(self, amount: Decimal) -> None:
        """Add a drawn amount."""
        self.drawn += amount

    def reserve(self, worst: Decimal) -> bool:
        """Reserve the worst case of a call; returns False, and does nothing, if there is not enough."""
        if worst > self.free:
            return False
        self.reserved += worst
        self.used += worst
        return True

    def cancel(self, worst: Decimal) -> None:
        """Release the reservation of a call that is not made."""
        self.reserved -= worst

    def end(self, worst: Decimal, cost: Decimal) -> None:
        """Settle a call reserved at `worst` at its cost, which is still to be booked."""
        self.reserved -= worst
        self.spent += cost
        self.unsettled += 1
        self.untold += cost

    def told(self, cost: Decimal) -> None:
        """Record that an ended call was booked."""
        if self.unsettled:
            self.unsettled -= 1
            self.untold -= cost

    def surplus(self) -> Decimal:
        """Remove and return the free amount beyond what was reserved since the last time."""
        surplus = max(NOTHING, self.free - self.used)
        self.used = NOTHING
        self.drawn -= surplus
        return surplus
