"""The words of experiments: in what state one is, and what has a variant as a whole."""

from enum import StrEnum


class ExperimentState(StrEnum):
    """All states; the table's check constraint knows the same."""

    DRAFT = "draft"
    """Nothing is assigned yet, and everything may change."""

    RUNNING = "running"
    """Overlays get variants; it changes only by a larger share and by its end."""

    STOPPED = "stopped"
    """It has ended for good; what has a variant keeps it."""


class AssignmentUnit(StrEnum):
    """What has a variant as a whole, and is the unit of analysis."""

    OVERLAY = "overlay"
    TENANT = "tenant"
