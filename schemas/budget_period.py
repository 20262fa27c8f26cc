"""The period of a budget: `budgets.period`."""

from enum import StrEnum


class BudgetPeriod(StrEnum):
    """All periods, as in the table's check constraint."""

    DAY = "day"
    MONTH = "month"
