"""The composition of batches."""

from dataclasses import dataclass

from consumer.pipeline.batches.collecting import Collector
from consumer.pipeline.batches.desk import BatchTerms, Desk
from consumer.pipeline.batches.gathering import Gatherer, GatheringTerms
from consumer.pipeline.batches.group_store import GroupStore
from consumer.pipeline.batches.polling import Polling
from consumer.pipeline.batches.rest import Rest, RestTerms
from consumer.pipeline.batches.result_judgement import ResultJudge
from consumer.pipeline.batches.runner import BatchRunner
from consumer.pipeline.batches.submission import Submission
from consumer.pipeline.budgets.reserving import Budgets
from consumer.pipeline.feed_events import FeedEventBuilder
from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.outbox_relay import OutboxRelay
from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.tenants.known_tenants import Tenants
from consumer.pipeline.writing_plans import WritingPlans
from consumer.resources import Resources
from consumer.settings import Settings

TICKS_PER_WAIT = 4  # so that a batch is noticed soon after it is due


@dataclass(frozen=True, slots=True)
class SharedParts:
    """The parts that batches share with live requests."""

    feed_events: FeedEventBuilder
    relay: OutboxRelay
    outcome_log: OutcomeLog
    plans: WritingPlans
    tenants: Tenants
    claim_terms: ClaimTerms
    budgets: Budgets


def assemble_batches(settings: Settings, resources: Resources, shared: SharedParts) -> BatchRunner:
    """Build all parts of batches."""
    terms = BatchTerms(poll_s=settings.batch_poll_s, confirm_s=settings.batch_confirm_s, lease_s=settings.lease_s)
    desk = Desk(resources.pool, resources.batch_providers, terms, shared.budgets)
    falls_back = settings.batch_fallback == "live"
    store = GroupStore(
        desk,
        shared.feed_events,
        shared.relay,
        shared.outcome_log,
        ensure_references=resources.database.may_make_rows,
    )
    rest = Rest(desk, store, RestTerms(max_attempts=settings.max_attempts, falls_back=falls_back))
    gatherer = Gatherer(
        resources.pool,
        shared.plans,
        shared.tenants,
        shared.claim_terms,
        GatheringTerms(
            max_wait_s=settings.batch_max_wait_s, max_requests=settings.batch_max_requests, falls_back=falls_back
        ),
        providers=resources.batch_providers,
        budgets=shared.budgets,
    )
    submission = Submission(desk, rest)
    judge = ResultJudge(shared.plans.of, shared.tenants.context, rest)
    return BatchRunner(
        desk,
        gatherer,
        submission,
        Polling(desk, submission, rest),
        Collector(desk, judge, store, rest, shared.plans, shared.tenants, shared.claim_terms),
        rest,
        owner=shared.claim_terms.owner,
        group_id=shared.claim_terms.group_id,
        tick_s=min(settings.batch_poll_s, settings.batch_max_wait_s, settings.batch_confirm_s) / TICKS_PER_WAIT,
    )
