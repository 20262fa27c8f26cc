"""The composition root: builds every part from settings and open resources, and says how they run together."""

import asyncio
import os
import socket
import uuid
from dataclasses import dataclass

from consumer.llm.breaker import Breaker
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.pipeline.dead_letter_limit import DeadLetterLimit
from consumer.pipeline.dead_letters import DeadLetters
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.in_flight import ClaimTerms, InFlight
from consumer.pipeline.intake import Intake
from consumer.pipeline.lease_keeper import LeaseKeeper
from consumer.pipeline.outbox_relay import OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.sweeper import Sweeper
from consumer.pipeline.worker import Worker
from consumer.post.prompt import PromptTemplate
from consumer.resources import Resources
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics

PROBE_MARGIN_S = 10.0  # a probe may wait for the limiter before its call begins


@dataclass(frozen=True, slots=True)
class App:
    """The parts on the way of one event, and the name this process holds leases under."""

    owner: str
    in_flight: InFlight
    failover: Failover
    intake: Intake
    dispatcher: Dispatcher
    outcome_store: OutcomeStore
    relay: OutboxRelay
    sweeper: Sweeper
    lease_keeper: LeaseKeeper


def assemble(settings: Settings, resources: Resources, metrics: Metrics, tasks: asyncio.TaskGroup) -> App:
    """Build all parts. Nothing runs yet; what is handled later runs as tasks of `tasks`."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    terms = ClaimTerms(owner, settings.lease_s, settings.max_event_bytes)
    pool = resources.pool
    in_flight = InFlight(settings.max_in_flight)
    metrics.in_flight.set_function(lambda: in_flight.slots - in_flight.free)
    policy = RetryPolicy(settings.max_attempts, settings.retry_base_s, settings.retry_max_s)
    template = PromptTemplate(language=settings.feed_language, max_hashtags=settings.max_hashtags)
    failover = Failover(*(_provider(writer, settings) for writer in resources.writers))
    metrics.breaker_open.set_function(lambda: failover.unavailable_reason is not None)
    publisher = resources.publisher
    relay = OutboxRelay(pool, publisher, metrics)
    outcome_store = OutcomeStore(
        pool,
        FeedEventBuilder(
            prompt_version=template.version,
            created_topic=settings.feed_created_topic,
            failed_topic=settings.feed_failed_topic,
            dead_letter_topic=settings.dead_letter_topic,
        ),
        relay,
        in_flight,
        OutcomeLog(metrics),
        policy=policy,
        ensure_references=settings.reference_rows == "ensure",
    )
    dispatcher = Dispatcher(
        tasks,
        Worker(
            failover,
            template,
            lambda request: terms.lasts(in_flight.leased_at_s(request)),
            policy=policy,
            max_hashtags=settings.max_hashtags,
        ),
        outcome_store,
        pool,
        calls=in_flight.limit,
        policy=policy,
        require_references=settings.reference_rows == "require",
    )
    intake = Intake(
        resources.consumer,
        pool,
        DeadLetters(
            publisher,
            topic=settings.dead_letter_topic,
            limit=DeadLetterLimit(settings.dead_letter_max_run, settings.dead_letter_max_ratio),
        ),
        dispatcher,
        in_flight,
        failover,
        metrics,
        terms=terms,
    )
    sweeper = Sweeper(
        pool,
        dispatcher,
        outcome_store,
        in_flight,
        failover,
        metrics,
        terms=terms,
    )
    lease_keeper = LeaseKeeper(pool, in_flight, lease_s=settings.lease_s)
    return App(owner, in_flight, failover, intake, dispatcher, outcome_store, relay, sweeper, lease_keeper)


def _provider(writer: Writer, settings: Settings) -> Provider:
    """A model with a pace and a health of its own."""
    breaker = Breaker(probe_deadline_s=settings.llm_timeout_s + PROBE_MARGIN_S, first_wait_s=settings.probe_s)
    return Provider(writer, RateLimiter(), breaker)
