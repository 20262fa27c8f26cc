"""The event that a produced event answers, and its position."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """Identity and Kafka position of an `overlay.completed`."""

    event_id: str
    topic: str
    partition: int
    offset: int
