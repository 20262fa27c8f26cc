"""Which requests go into which batch: one model each, within the provider's limits. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from consumer.llm.batches.input_file import MOST_BYTES


@dataclass(slots=True)
class Pack:
    """A batch being filled; `frozen` of its lines have their worst case reserved."""

    llm_model_id: UUID
    batch_id: UUID = field(default_factory=uuid4)
    lines: int = 0
    frozen: int = 0
    bytes: int = 0
    tokens: int = 0


class Packing:
    """One batch per model; `room` is how many tokens the provider still accepts, for models where that is known."""

    def __init__(self, *, max_lines: int, room: Mapping[UUID, int], max_bytes: int = MOST_BYTES) -> None:
        self.is_full = False
        """Whether a batch has reached a limit: it is sent, and then the next is started."""
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._room = room
        self._packs: dict[UUID, Pack] = {}

    @property
    def packs(self) -> list[Pack]:
        """The batches with lines."""
        return list(self._packs.values())

    def place(self, llm_model_id: UUID, *, size: int, tokens: int) -> Pack | None:
        """Append a line to its model's batch and return its position; None if that accepts no more now."""
        pack = self._packs.get(llm_model_id) or Pack(llm_model_id)
        room = self._room.get(llm_model_id)
        # a single line may be larger than the room known so far
        is_over = room is not None and pack.tokens + tokens > room and (pack.lines > 0 or room <= 0)
        if is_over or pack.lines >= self._max_lines or (pack.lines and pack.bytes + size > self._max_bytes):
            self.is_full = self.is_full or not is_over
            return None
        pack.lines += 1
        pack.bytes += size
        pack.tokens += tokens
        self._packs[llm_model_id] = pack
        self.is_full = self.is_full or pack.lines >= self._max_lines
        return pack
