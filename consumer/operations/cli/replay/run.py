"""A replay from start to end: read, confirmed, entered, followed."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from aiokafka import AIOKafkaConsumer

from consumer.kafka.sessions import connected_admin, connected_reader
from consumer.kafka.topics import partitions_of
from consumer.operations.cli.agreement import Consent
from consumer.operations.cli.configured_prompt import configured_template
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.following import Standing, until_ended
from consumer.operations.cli.progress import progress_bar
from consumer.operations.cli.signals import cancel_on_signals
from consumer.operations.delivery import Deliveries, Delivery, NoBatches, model_for
from consumer.operations.replay.boundaries import Boundary, RangeError
from consumer.operations.replay.choice import Mode
from consumer.operations.replay.estimate import PAST_POSTS, Estimate, estimate
from consumer.operations.replay.ranges import chosen_partitions, resolve
from consumer.operations.replay.reading import batches
from consumer.operations.replay.replayer import ReplayCounts, Replayer, ReplayFilter
from consumer.settings import CapacitySettings, DatabaseSettings, KafkaSettings, PostSettings
from repository.llm_models import ModelNotUsable
from repository.operations.replay_requests import past_calls
from repository.operations.replays import (
    PartitionRange,
    ReplayProgress,
    begin_replay,
    mode_of,
    ranges_of,
    replay_progress,
)
from repository.pool import Connection

_NAMES = UUID("5c1c3b6e-9a53-4d0c-8f6f-6f7f0f3f8a11")


class ReplaySettings(KafkaSettings, DatabaseSettings, PostSettings, CapacitySettings):
    """The settings of a replay; no provider's key, since consumers make the calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """The options of the command line."""

    topic: str
    begin_text: str
    end_text: str
    begin: Boundary
    end: Boundary
    partition: int | None
    wanted: ReplayFilter
    name: str | None
    delivery: Delivery | None = None

    @property
    def as_json(self) -> str:
        """What identifies a replay: all options but the limit, since a larger limit continues it."""
        wanted = self.wanted
        return json.dumps(
            {
                "mode": wanted.mode,
                "topic": self.topic,
                "from": self.begin_text,
                "to": self.end_text,
                "partition": self.partition,
                "tenant": wanted.tenant_id,
                "overlay": wanted.overlay_id and str(wanted.overlay_id),
                "if_prompt_version_not": wanted.conditions.prompt_version_not,
                "if_model_not": wanted.conditions.model_not,
                **({} if self.delivery is None else {"delivery": self.delivery}),
            }
        )

    @property
    def replay_name(self) -> str:
        """The given name, else one derived from the options."""
        return self.name or f"{self.wanted.mode}-{uuid5(_NAMES, self.as_json).hex[:8]}"

    @property
    def replay_id(self) -> UUID:
        """The id derived from the name."""
        return uuid5(_NAMES, self.replay_name)


@dataclass(frozen=True, slots=True)
class Result:
    """The result so far. `progress` is None where nothing was to be entered."""

    name: str
    replay_id: UUID
    mode: Mode
    ranges: list[PartitionRange]
    tally: ReplayCounts
    estimate: Estimate
    progress: ReplayProgress | None = None
    delivery: Delivery | None = None
    is_dry_run: bool = False
    is_interrupted: bool = False


async def replayed(
    settings: ReplaySettings, asked: ReplayRequest, consent: Consent, *, wait: bool, dry_run: bool
) -> Result:
    """Replay, if the user consents to the cost.

    Raises:
        CommandError, RangeError, BrokerUnavailable: it cannot be done, or the user did not agree to the cost.
    """
    async with connected_reader(settings) as reader, database_connection(settings) as connection:
        cancel_on_signals()
        ranges = await _ranges(settings, reader, connection, asked)
        before = (await replay_progress(connection, asked.replay_id)).entered
        replayer = _replayer(settings, connection, asked, before)
        template = await configured_template(connection, settings)
        await _followed(
            "reading", replayer.look_through(batches(reader, asked.topic, ranges), template), _records(ranges)
        )
        _refuse_unknown_tenant(asked, replayer.tally)
        result = Result(
            asked.replay_name,
            asked.replay_id,
            asked.wanted.mode,
            ranges,
            replayer.tally,
            await _estimated(connection, settings, replayer.tally, asked),
            delivery=asked.delivery,
            is_dry_run=dry_run,
        )
        if dry_run:
            return result
        consent.obtain(f"{result.estimate.posts} posts would be written", result.estimate.cost_usd)
        return await _entered(settings, reader, connection, asked, result, before=before, wait=wait)


def _replayer(settings: ReplaySettings, connection: Connection, asked: ReplayRequest, before: int) -> Replayer:
    return Replayer(
        connection,
        asked.replay_id,
        asked.wanted,
        max_event_bytes=settings.max_event_bytes,
        event_types=settings.event_types,
        asked_before=before,
        deliveries=Deliveries(connection, asked.delivery),
    )


async def _ranges(
    settings: ReplaySettings, reader: "AIOKafkaConsumer[bytes, bytes]", connection: Connection, asked: ReplayRequest
) -> list[PartitionRange]:
    """Return the range from when the replay began, else the current one."""
    known = await mode_of(connection, asked.replay_id)
    if known is not None and json.loads(known[1]) != json.loads(asked.as_json):
        raise CommandError(
            f"--id {asked.replay_name} is a replay with other options ({known[1]}); give another --id, or those options"
        )
    if ranges := await ranges_of(connection, asked.replay_id):
        return ranges
    async with connected_admin(settings) as admin:
        numbers = await partitions_of(admin, asked.topic)
    return await resolve(reader, chosen_partitions(asked.topic, numbers, asked.partition), asked.begin, asked.end)


def _records(ranges: list[PartitionRange]) -> int:
    return sum(one.end - one.next for one in ranges)


async def _followed(doing: str, steps: AsyncIterator[ReplayCounts], records: int) -> None:
    with progress_bar(doing, records) as report:
        async for tally in steps:
            report(tally.records)


def _refuse_unknown_tenant(asked: ReplayRequest, tally: ReplayCounts) -> None:
    wanted = asked.wanted
    if tally.records and not tally.actions and not tally.repeated:
        if wanted.tenant_id is not None:
            raise RangeError(f"--tenant: no event of the range is of tenant {wanted.tenant_id}")
        if wanted.overlay_id is not None:
            raise RangeError(f"--overlay: no event of the range is of overlay {wanted.overlay_id}")


async def _estimated(
    connection: Connection, settings: ReplaySettings, tally: ReplayCounts, asked: ReplayRequest
) -> Estimate:
    try:
        model = await model_for(connection, settings.llm_model, asked.delivery)
    except (ModelNotUsable, NoBatches) as error:
        raise CommandError(f"LLM_MODEL: {error}") from error
    past = await past_calls(connection, model.live.llm_model_id, posts=PAST_POSTS)
    slots, live = settings.max_in_flight, tally.paid - tally.batched
    batched = estimate(tally.batched, tally.batched_prompt_characters, past, model.batched, max_in_flight=slots)
    return estimate(live, tally.prompt_characters, past, model.live, max_in_flight=slots).with_batched(batched)


async def _entered(
    settings: ReplaySettings,
    reader: "AIOKafkaConsumer[bytes, bytes]",
    connection: Connection,
    asked: ReplayRequest,
    result: Result,
    *,
    before: int,
    wait: bool,
) -> Result:
    await begin_replay(
        connection,
        asked.replay_id,
        name=asked.replay_name,
        mode=asked.wanted.mode,
        topic=asked.topic,
        asked=asked.as_json,
        ranges=result.ranges,
    )
    replayer = _replayer(settings, connection, asked, before)
    steps = replayer.enter(batches(reader, asked.topic, result.ranges), created_topic=settings.feed_created_topic)
    is_interrupted = False
    try:
        await _followed("entering", steps, _records(result.ranges))
        if wait:
            await _until_done(connection, asked.replay_id)
    except asyncio.CancelledError:
        is_interrupted = True
    progress = None if is_interrupted else await replay_progress(connection, asked.replay_id)
    return replace(result, progress=progress, is_interrupted=is_interrupted)


async def _until_done(connection: Connection, replay_id: UUID) -> None:
    """Wait until consumers have finished all requests but those in batches."""

    async def standing() -> Standing:
        progress = await replay_progress(connection, replay_id)
        ended = progress.done + progress.failed
        return Standing(ended, progress.pending - progress.batched + ended, is_taken=progress.taken > 0)

    await until_ended(standing)
