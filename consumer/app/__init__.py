"""The composition root: builds every part from settings and open resources."""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consumer.app.batches import SharedParts, assemble_batches
from consumer.app.called_models import CalledModel
from consumer.app.condition import condition_of
from consumer.app.exposed import ExposedParts, expose
from consumer.app.variant_plans import VariantPlans, build_provider
from consumer.kafka.poller import Poller
from consumer.llm.failover import Failover
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.pipeline.batches.runner import BatchRunner
from consumer.pipeline.budgets.booking import LostCalls
from consumer.pipeline.budgets.keeper import BudgetKeeper
from consumer.pipeline.budgets.reserving import Budgets
from consumer.pipeline.claims import Claims
from consumer.pipeline.dead_letters import DeadLetters
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.experiments import Experiments
from consumer.pipeline.faults.fault_finder import FaultFinder
from consumer.pipeline.faults.reopener import Reopener
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.feed_outcome_intake import FeedOutcomeIntake
from consumer.pipeline.flood_limit import IGNORED, INVALID, FloodLimit
from consumer.pipeline.ignored_events import IgnoredEvents
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.intake import Intake
from consumer.pipeline.judgement import editor_from
from consumer.pipeline.lease_keeper import LeaseKeeper
from consumer.pipeline.ledger_watch import LedgerWatch
from consumer.pipeline.ledger_works import LedgerWorks
from consumer.pipeline.model_rows import ModelRows
from consumer.pipeline.outbox_relay import OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.partitions.leased import LeasedPartitions
from consumer.pipeline.partitions.share import PartitionShare
from consumer.pipeline.prompts import template_of
from consumer.pipeline.refresher import Refresher
from consumer.pipeline.result_spool import ResultSpool
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.sweeper import Sweeper
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.tenants.scheduling import Scheduler
from consumer.pipeline.tracing.traces import Traces
from consumer.pipeline.upstream_rows import UpstreamRows
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlan, WritingPlans
from consumer.resources import Resources
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics
from repository.beacon import Beacon
from repository.partition_leases import CHANNEL, Member

COUNTING_PARTITION = 0  # its reader counts for the whole group


@dataclass(frozen=True, slots=True)
class App:
    """The parts of the service, and the name under which this process holds leases."""

    owner: str
    in_flight: InFlight
    failover: Failover
    share: PartitionShare
    intake: Intake
    dispatcher: Dispatcher
    outcome_store: OutcomeStore
    relay: OutboxRelay
    sweeper: Sweeper
    lease_keeper: LeaseKeeper
    reopener: Reopener
    refresher: Refresher
    feed_events: FeedEventBuilder
    feed_outcomes: FeedOutcomeIntake
    spool: ResultSpool
    batches: BatchRunner
    budget_keeper: BudgetKeeper
    ledger_watch: LedgerWatch


def assemble(settings: Settings, resources: Resources, metrics: Metrics, tasks: asyncio.TaskGroup) -> App:
    """Build all parts. Nothing runs yet; requests will be handled as tasks of `tasks`."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    terms = ClaimTerms(
        owner=owner,
        lease_s=settings.lease_s,
        max_event_bytes=settings.max_event_bytes,
        group_id=settings.kafka_group_id,
        event_types=settings.event_types,
        max_takeovers=settings.max_takeovers,
    )
    pool = resources.pool
    in_flight = InFlight(settings.max_in_flight)
    budgets = Budgets(pool, owner, lease_s=settings.lease_s)
    policy = RetryPolicy(settings.max_attempts, settings.retry_base_s, settings.retry_max_s)
    template = template_of(resources.prompt, settings)
    limiters = {writer.model.llm_model_id: RateLimiter() for writer in resources.writers}
    called = [
        build_provider(writer, limiters[writer.model.llm_model_id], settings, metrics.llm.calls_of(writer.model))
        for writer in resources.writers
    ]
    called_models = [CalledModel(provider, limiters[provider.writer.model.llm_model_id]) for provider in called]
    failover = Failover(*called)
    traces = resources.open_traces(
        lambda model_id: next((model for one in called_models if (model := one.model).llm_model_id == model_id), None)
    )
    publisher = resources.publisher
    relay = OutboxRelay(pool, publisher, metrics)
    reopener = Reopener(pool)
    feed_events = FeedEventBuilder(
        created_topic=settings.feed_created_topic,
        failed_topic=settings.feed_failed_topic,
        dead_letter_topic=settings.dead_letter_topic,
        traces=traces,
    )
    outcome_log = OutcomeLog(metrics, traces)
    outcome_store = OutcomeStore(
        pool,
        feed_events,
        relay,
        in_flight,
        outcome_log,
        budgets,
        put_back=reopener.put_back,
        policy=policy,
        ensure_references=resources.database.may_make_rows,
    )
    upstream_rows = UpstreamRows(
        pool,
        outcome_store,
        resources.database.unfillable,
        ensures=settings.reference_rows == "ensure",
        policy=policy,
        wait_s=settings.reference_wait_s,
    )
    editor = editor_from(settings, our_texts=template.static_texts)
    tenants = Tenants(pool, compares_posts=editor.compares_posts)
    scheduler = Scheduler(pool, tenants, is_fair=settings.fair_shares, read_ahead=settings.read_ahead)
    model_rows = ModelRows(pool, dict(zip(settings.models.values(), called, strict=True)))
    usual = WritingPlan(failover, template, editor)
    variant_plans = VariantPlans(settings, resources, usual, called[0], limiters, model_rows, called_models, metrics)
    plans = WritingPlans(pool, usual, variant_plans.make)
    experiments = Experiments(pool, resources.experiments)
    dispatcher = Dispatcher(
        tasks,
        Worker(
            plans.of,
            lambda request: terms.lasts(in_flight.leased_at_s(request)),
            tenants.context,
            FaultFinder(failover, put_back=reopener.put_back),
            budgets,
            policy=policy,
        ),
        outcome_store,
        upstream_rows,
        tenants,
        plans,
        scheduler,
        metrics.messaging.processing(settings.overlay_completed_topic),
        calls=in_flight.limit,
    )
    share = _partition_share(
        settings, resources, owner, lambda: condition_of(dispatcher, in_flight, outcome_store, called_models)
    )
    poller = Poller(resources.consumer, settings.overlay_completed_topic)
    ledger_watch = LedgerWatch(
        pool,
        metrics.ledger,
        lambda: poller.group_lag(share.all_partitions),
        group_id=settings.kafka_group_id,
        counts=lambda: COUNTING_PARTITION in share.leases,
    )
    expose(
        metrics,
        ExposedParts(dispatcher, in_flight, outcome_store, poller, ledger_watch, failover, called_models, pool),
    )
    metrics.messaging.sending(settings.feed_created_topic, settings.feed_failed_topic, settings.dead_letter_topic)
    intake = Intake(
        LeasedPartitions(poller, share, metrics.messaging),
        Claims(pool, in_flight, terms, experiments.arm_of, tenants, scheduler, traces),
        DeadLetters(
            publisher,
            traces,
            metrics.messaging,
            topic=settings.dead_letter_topic,
            limit=FloodLimit(INVALID, settings.dead_letter_max_run, settings.dead_letter_max_ratio),
        ),
        IgnoredEvents(
            pool,
            metrics,
            limit=FloodLimit(IGNORED, settings.ignored_max_run, settings.ignored_max_ratio),
            event_types=settings.event_types,
        ),
        dispatcher,
        failover,
        metrics,
        terms=terms,
    )
    sweeper = Sweeper(
        pool,
        dispatcher,
        LedgerWorks(outcome_store, metrics, terms=terms),
        in_flight,
        failover,
        scheduler,
        traces,
        LostCalls(budgets, plans, terms),
        terms=terms,
    )
    lease_keeper = LeaseKeeper(pool, in_flight, lease_s=settings.lease_s)
    refresher = Refresher(model_rows, experiments, upstream_rows)
    return App(
        owner,
        in_flight,
        failover,
        share,
        intake,
        dispatcher,
        outcome_store,
        relay,
        sweeper,
        lease_keeper,
        reopener,
        refresher,
        feed_events,
        _feed_outcome_intake(settings, resources, metrics, owner),
        ResultSpool(
            settings.spool_dir,
            database_url=settings.database_url.get_secret_value(),
            group_id=settings.kafka_group_id,
        ),
        assemble_batches(
            settings, resources, SharedParts(feed_events, relay, outcome_log, plans, tenants, terms, budgets)
        ),
        BudgetKeeper(pool, budgets, metrics),
        ledger_watch,
    )


def _partition_share(
    settings: Settings, resources: Resources, owner: str, condition: Callable[[], Mapping[str, object]]
) -> PartitionShare:
    beacon = Beacon(
        resources.current.database_url,
        owner,
        application_name=settings.kafka_client_id,
        channel=CHANNEL,
        pooler=settings.database_pooler,
    )
    member = Member(settings.kafka_group_id, settings.overlay_completed_topic, owner)
    return PartitionShare(resources.pool, beacon, resources.publisher.describe_topic, member, condition=condition)


def _feed_outcome_intake(settings: Settings, resources: Resources, metrics: Metrics, owner: str) -> FeedOutcomeIntake:
    """Build the intake of feed outcomes, which shares its topic like the main intake, but without hurry."""
    member = Member(settings.kafka_group_id, settings.feed_outcome_topic, owner)
    share = PartitionShare(resources.pool, None, resources.publisher.describe_topic, member, condition=dict)
    limit = FloodLimit(INVALID, settings.dead_letter_max_run, settings.dead_letter_max_ratio)
    return FeedOutcomeIntake(
        share,
        LeasedPartitions(Poller(resources.outcome_consumer, settings.feed_outcome_topic), share, metrics.messaging),
        resources.pool,
        DeadLetters(resources.publisher, Traces(), metrics.messaging, topic=settings.dead_letter_topic, limit=limit),
        metrics,
        max_event_bytes=settings.max_event_bytes,
    )
