"""For how long a budget is: `budgets.period`."""

from enum import StrEnum


class BudgetPeriod(StrEnum):
    """All periods; the table's check constraint knows the same."""

    DAY = "day"
    MONTH = "month"
