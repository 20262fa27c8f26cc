"""What was observed of a run, from outside the program: the checker sees nothing else.

Positions are (partition, offset) in the incoming topic. Times are epoch seconds of one clock: all
processes of a run are on one machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from uuid import UUID

Position = tuple[int, int]
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record whose writing the broker acknowledged, and when; `overlay_id` is None for poison."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    overlay_id: UUID | None
    sent_at_s: float = 0.0

    @property
    def position(self) -> Position:
        """Where it is in the incoming topic."""
        return self.partition, self.offset


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One call of the LLM's ledger. `duration_s` is None while the call has no end."""

    overlay_id: UUID
    attempt: int
    billed: bool
    fault: str | None
    duration_s: float | None
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A row of `instagram_feeds`; `digest` changes when any column does."""

    instagram_feed_id: UUID
    overlay_id: UUID
    revision: int
    digest: str


@dataclass(frozen=True, slots=True)
class PaidRow:
    """What the program says of one call: a row of `instagram_feeds` or of `llm_calls`; None: it does not know.

    `cost_usd` is None, too, of a post that more than one call was made for: its row tells their sum.
    """

    overlay_id: UUID
    tokens: int | None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """A batch as the provider lists it."""

    provider_batch_id: str
    input_file_id: str


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of `llm_batches`; `is_second`: known to be one that the provider made beside another."""

    provider_batch_id: str | None
    is_second: bool


@dataclass(frozen=True, slots=True)
class BudgetSample:
    """What is booked of the budget of all, and what it allows, at one moment."""

    booked: Decimal
    limit: Decimal


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A row of `feed_requests`. `created_at_s` is when the event entered the ledger, `finished_at_s` when it ended."""

    overlay_id: UUID
    revision: int
    state: str
    partition: int
    offset: int
    created_at_s: float
    tenant_id: str = ""
    finished_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A record of an outgoing topic, as an independent reader found it."""

    topic: Literal["created", "failed", "dead_letter"]
    key: bytes | None
    value: bytes | None
    headers: Headers

    def header(self, name: str) -> str:
        """The text of a header, empty when there is none."""
        return (dict(self.headers).get(name) or b"").decode()

    @property
    def origin(self) -> Position:
        """Of a dead letter: the position of the original."""
        return int(self.header("dlq_original_partition")), int(self.header("dlq_original_offset"))


@dataclass(frozen=True, slots=True)
class Lost:
    """Offsets of a partition that the program says were deleted before it could read them; `end` was not."""

    partition: int
    begin: int
    end: int

    def holds(self, position: Position) -> bool:
        """Whether a position is one of them."""
        return position[0] == self.partition and self.begin <= position[1] < self.end


@dataclass(frozen=True, slots=True)
class AbleSample:
    """Whether at one moment all processes that live could take events in: their database and breakers said so."""

    at_s: float
    is_able: bool


@dataclass(frozen=True, slots=True)
class CommitSample:
    """What was committed at one moment, and what was accounted for a moment later."""

    group_id: str
    committed: Mapping[int, int]
    known_overlays: frozenset[UUID]
    dead_positions: frozenset[Position]
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Disruption:
    """A process was killed, frozen beyond its lease or cut off from the database.

    `overlays` are those it had, or was about to have, a call for. Where nobody could say which, `unknown` is how many
    at most.
    """

    kind: str
    overlays: frozenset[UUID]
    unknown: int = 0

    @property
    def in_flight(self) -> int:
        """How many calls may be paid again because of it."""
        return len(self.overlays) + self.unknown


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """When a fault was active, until its traces had gone."""

    kind: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Probe:
    """A good event, poison right behind it and a good event right behind that, all in one partition."""

    partition: int
    before: UUID
    behind: UUID
    sent_at_s: float


@dataclass(frozen=True, slots=True)
class Observations:
    """All that the observers found. `deleted`: the first offset that is left of each partition the broker has cut."""

    sent: Sequence[Sent]
    calls: Sequence[LlmCall]
    rows: Sequence[FeedRow]
    earlier_rows: Sequence[Sequence[FeedRow]]
    requests: Sequence[RequestRow]
    outbox_events: int
    published: Sequence[Published]
    commits: Sequence[CommitSample]
    disruptions: Sequence[Disruption]
    faults: Sequence[FaultSpan]
    probes: Sequence[Probe]
    drained_after_s: float | None
    unexpected_exits: Sequence[str] = field(default=())
    paid: Sequence[PaidRow] = field(default=())
    lost: Sequence[Lost] = field(default=())
    deleted: Mapping[int, int] = field(default_factory=dict)
    able: Sequence[AbleSample] = field(default=())
    provider_batches: Sequence[ProviderBatch] = field(default=())
    batches: Sequence[BatchRow] = field(default=())
    budget_samples: Sequence[BudgetSample] = field(default=())
