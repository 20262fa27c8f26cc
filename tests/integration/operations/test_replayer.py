"""A replay whose records come from memory: what it enters, and how that is to be written."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

from consumer.operations.delivery import Deliveries, Delivery
from consumer.operations.replay.choice import Conditions, Mode
from consumer.operations.replay.reading import Batch
from consumer.operations.replay.replayer import ReplayCounts, Replayer, ReplayFilter
from consumer.post.prompt import PromptTemplate
from repository.operations.replays import begin_replay, replay_progress
from repository.pool import Connection, Pool, connection
from schemas.event_types import DEFAULT_EVENT_TYPES
from tests.support.examples import source_record
from tests.support.kafka_records import encoded, overlay_event

TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)


async def replayed(
    borrowed: Connection, events: list[dict[str, object]], asked: Delivery | None
) -> tuple[ReplayCounts, dict[UUID, str]]:
    """Replay events; gives what was found, and the states of the requests that were entered."""
    replay_id = uuid4()
    await begin_replay(borrowed, replay_id, name=str(replay_id), mode="missing", topic="t", asked="{}", ranges=[])

    async def batches() -> AsyncIterator[Batch]:
        yield Batch([source_record(encoded(event)) for event in events], {})

    def replayer() -> Replayer:
        return Replayer(
            borrowed,
            replay_id,
            ReplayFilter(Mode.MISSING, Conditions(None, None), None, None, None),
            max_event_bytes=100_000,
            event_types=DEFAULT_EVENT_TYPES,
            asked_before=0,
            deliveries=Deliveries(borrowed, asked),
        )

    looking = replayer()
    async for _ in looking.look_through(batches(), TEMPLATE):
        pass
    async for _ in replayer().enter(batches(), created_topic="t"):
        pass
    progress = await replay_progress(borrowed, replay_id)
    rows = await borrowed.fetch("SELECT overlay_id, state FROM feed_requests WHERE replay_id = $1", replay_id)
    states = {row["overlay_id"]: row["state"] for row in rows}
    assert (progress.pending, progress.batched) == (len(states), list(states.values()).count("batched"))
    return looking.tally, states


async def test_a_replay_goes_as_somebody_says_else_as_the_event_says_else_as_the_tenant_has_it(pool: Pool) -> None:
    def events() -> list[dict[str, object]]:
        return [
            overlay_event(tenant_id="patient"),
            overlay_event(tenant_id="patient", delivery="live"),
            overlay_event(tenant_id="usual"),
            overlay_event(tenant_id="usual", delivery="batch"),
        ]

    expected = {
        None: ["batched", "waiting", "waiting", "batched"],
        Delivery.LIVE: ["waiting"] * 4,
        Delivery.BATCH: ["batched"] * 4,
    }
    await pool.execute("INSERT INTO tenants (tenant_id, delivery) VALUES ('patient', 'batch')")
    async with connection(pool) as borrowed:
        for asked, wanted in expected.items():
            sent = events()
            tally, states = await replayed(borrowed, sent, asked)
            assert [states[UUID(str(event["overlay_id"]))] for event in sent] == wanted
            assert (tally.paid, tally.batched) == (4, wanted.count("batched"))
            assert bool(tally.prompt_characters) is ("waiting" in wanted)
            assert bool(tally.batched_prompt_characters) is ("batched" in wanted)
