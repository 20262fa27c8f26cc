"""The sample events and their expected results."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from schemas.codec import InvalidEvent, decode_overlay_completed
from schemas.record import SourceRecord

EVENTS_FILE = Path(__file__).parent.parent / "demo_events.jsonl"
MAX_EVENT_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class SampleEvents:
    """The lines of the file: the overlays they name, in order, and the lines that are no event."""

    lines: tuple[bytes, ...]
    overlays: tuple[UUID, ...]
    malformed: tuple[bytes, ...]

    @property
    def duplicates(self) -> int:
        """How many lines name an overlay that an earlier one named."""
        return len(self.lines) - len(self.overlays) - len(self.malformed)


def read_sample_events(path: Path = EVENTS_FILE) -> SampleEvents:
    """Read the file as the consumer would."""
    lines = tuple(path.read_bytes().splitlines())
    overlays: dict[UUID, None] = {}
    malformed: list[bytes] = []
    for number, line in enumerate(lines):
        record = SourceRecord("overlay.completed", 0, number, 0, None, line, ())
        try:
            overlays[decode_overlay_completed(record, max_event_bytes=MAX_EVENT_BYTES).overlay_id] = None
        except InvalidEvent:
            malformed.append(line)
    return SampleEvents(lines, tuple(overlays), tuple(malformed))
