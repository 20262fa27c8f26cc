"""Running the consumer: all loops until a stop, then an orderly shutdown."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import structlog

from consumer.app import App, assemble
from consumer.app.exposed import expose_health
from consumer.pipeline.result_rescue import rescue, store_spooled
from consumer.pipeline.result_spool import takes_files
from consumer.resources import Resources, open_resources
from consumer.settings.current import CurrentSettings
from consumer.shutdown import unless_stopped, until_ended, within_deadline
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.metrics.process import watch_event_loop
from consumer.telemetry.ops_server import ops_server
from consumer.telemetry.readiness import Readiness
from consumer.telemetry.watchdog import Watchdog
from repository.errors import StoreError
from repository.leases import release
from repository.pool import Pool, connection
from repository.requests import ClaimedRequest

log = structlog.get_logger()

FLUSH_S = 5.0  # for writing what is left when the calls have ended
END_S = 20.0  # for everything after the grace period; a longer shutdown is cut off


async def run(current: CurrentSettings, stop: asyncio.Event) -> None:
    """Consume until `stop` is set, then finish what is in flight within the grace period.

    Raises:
        StartupError: something needed for the start is missing.
        FatalError: it stopped by itself, in an orderly way.
    """
    settings = current.now
    metrics = Metrics(group_id=settings.kafka_group_id, tenants=settings.metrics_tenants)
    readiness, watchdog = Readiness(), Watchdog()
    expose_health(metrics, readiness, watchdog)
    async with AsyncExitStack() as stack:
        resources = await unless_stopped(stop, stack.enter_async_context(open_resources(settings, current)))
        if resources is None:
            log.info("consumer.stopped", before="it had begun")
            return
        await stack.enter_async_context(
            ops_server(metrics, readiness, watchdog, host=settings.ops_host, port=settings.ops_port)
        )
        async with asyncio.TaskGroup() as tasks:
            app = assemble(settings, resources, metrics, tasks)
            readiness.begin(
                lambda: "stopping" if stop.is_set() else None,
                lambda: app.failover.unavailable_reason,
                lambda: app.share.unavailable_reason,
                lambda: app.intake.unavailable_reason,
                lambda: app.outcome_store.unavailable_reason,
            )
            ensures_references = settings.reference_rows == "ensure"
            await unless_stopped(stop, _store_spooled(app, resources.pool, ensure_references=ensures_references))
            await unless_stopped(stop, app.budget_keeper.begin())
            await _consume(app, resources, metrics, watchdog, tasks, stop, grace_s=settings.shutdown_grace_s)
    if app.intake.fatal_error:
        raise app.intake.fatal_error


async def _store_spooled(app: App, pool: Pool, *, ensure_references: bool) -> None:
    if not takes_files(app.spool.path.parent):
        log.warning("spool.not_writable", directory=str(app.spool.path.parent), setting="SPOOL_DIR")
    try:
        await store_spooled(pool, app.spool, ensure_references=ensure_references)
    except (StoreError, OSError) as error:
        log.warning("spool.not_stored", error=f"{type(error).__name__}: {error}")


async def _consume(
    app: App,
    resources: Resources,
    metrics: Metrics,
    watchdog: Watchdog,
    tasks: asyncio.TaskGroup,
    stop: asyncio.Event,
    *,
    grace_s: float,
) -> None:
    claiming = [
        tasks.create_task(watchdog.keep("intake", lambda beat: app.intake.run(stop, beat))),
        tasks.create_task(watchdog.keep("sweeper", app.sweeper.run)),
        tasks.create_task(watchdog.keep("partition_share", app.share.run)),
    ]
    outcomes = tasks.create_task(app.feed_outcomes.run(stop))
    batches = tasks.create_task(app.batches.run())
    storing = [
        tasks.create_task(watchdog.keep("outcome_store", app.outcome_store.run)),
        tasks.create_task(watchdog.keep("outcome_retries", app.outcome_store.run_retries)),
        tasks.create_task(watchdog.keep("lock_watch", app.outcome_store.run_lock_watch)),
    ]
    finishing = [
        tasks.create_task(watchdog.keep("outbox_relay", app.relay.run)),
        tasks.create_task(watchdog.keep("lease_keeper", app.lease_keeper.run)),
        tasks.create_task(watchdog.keep("refresher", app.refresher.run)),
        tasks.create_task(watchdog.keep("budget_keeper", app.budget_keeper.run)),
        tasks.create_task(watchdog.keep("reopener", app.reopener.run)),
        tasks.create_task(watchdog.keep("ledger_watch", app.ledger_watch.run)),
        tasks.create_task(watch_event_loop(metrics.process)),
    ]
    log.info("consumer.started", owner=app.owner, max_in_flight=app.in_flight.limit)
    await stop.wait()
    grace_ends_s = asyncio.get_running_loop().time() + grace_s
    batches.cancel()  # any process can continue from the committed step
    log.info("consumer.stopping", in_flight=len(app.in_flight.held), grace_s=grace_s)
    watchdog.dismiss("intake", "sweeper", "partition_share")
    await asyncio.gather(_end_claiming(claiming, app, resources), _end_outcomes(outcomes, app, resources))
    await _finish_in_flight(app, grace_ends_s)
    for task in storing:
        task.cancel()
    safe = rescue(app.outcome_store.unsettled, app.feed_events, app.spool)
    are_released, *_ = await asyncio.gather(
        _release_leases(resources.pool, app.owner, keep=safe),
        within_deadline(app.relay.drain(), deadline_s=FLUSH_S, or_else="relay.not_drained"),
        within_deadline(app.budget_keeper.close(), deadline_s=FLUSH_S, or_else="budgets.not_given_back"),
    )
    if not are_released:  # statements hang, and so would their cancellation
        resources.pool.terminate()
    await until_ended([*claiming, *storing, *finishing, batches])
    log.info("consumer.stopped", released=len(app.in_flight.held))


async def _end_claiming(claiming: list[asyncio.Task[None]], app: App, resources: Resources) -> None:
    """Wait for the intake, which ends after its poll; then release the partitions, so that others continue at once."""
    intake, sweeper, share = claiming
    sweeper.cancel()
    await asyncio.wait([intake], timeout=FLUSH_S)
    await until_ended([intake, share])
    await asyncio.gather(
        within_deadline(app.share.leave(), deadline_s=FLUSH_S, or_else="partitions.not_given_back"),
        within_deadline(resources.consumer.stop(), deadline_s=FLUSH_S, or_else="consumer.not_closed"),
    )


async def _end_outcomes(outcomes: asyncio.Task[None], app: App, resources: Resources) -> None:
    """Let the current poll be stored, then release its partitions."""
    await asyncio.wait([outcomes], timeout=FLUSH_S)
    await until_ended([outcomes])
    await asyncio.gather(
        within_deadline(app.feed_outcomes.leave(), deadline_s=FLUSH_S, or_else="partitions.not_given_back"),
        within_deadline(resources.outcome_consumer.stop(), deadline_s=FLUSH_S, or_else="consumer.not_closed"),
    )


async def _finish_in_flight(app: App, grace_ends_s: float) -> None:
    """Let calls end and their results be stored; cancel the rest, but store what has arrived by then."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(grace_ends_s):
            await app.in_flight.until_empty()
    await within_deadline(app.dispatcher.cancel(), deadline_s=FLUSH_S, or_else="calls.not_cancelled")
    if app.outcome_store.unavailable_reason is None:
        await within_deadline(app.outcome_store.drain(), deadline_s=FLUSH_S, or_else="store.not_drained")


async def _release_leases(pool: Pool, owner: str, *, keep: Sequence[ClaimedRequest]) -> bool:
    async def release_all() -> None:
        async with connection(pool) as borrowed:
            # results in the spool are for the next start: no other process may pay for them again meanwhile
            await release(borrowed, owner=owner, keep=keep)

    return await within_deadline(release_all(), deadline_s=FLUSH_S, or_else="leases.not_released")
