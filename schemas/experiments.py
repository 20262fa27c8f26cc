"""States and units of experiments."""

from enum import StrEnum


class ExperimentState(StrEnum):
    """All states, as in the table's check constraint."""

    DRAFT = "draft"
    """Nothing is assigned yet, and everything may change."""

    RUNNING = "running"
    """Overlays get variants; it can only be widened or stopped."""

    STOPPED = "stopped"
    """It has ended for good; assigned variants stay."""


class AssignmentUnit(StrEnum):
    """The unit of assignment and of analysis."""

    OVERLAY = "overlay"
    TENANT = "tenant"
