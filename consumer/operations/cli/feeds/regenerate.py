"""`instagram-feed feeds regenerate`: new texts for stored posts, written by a running consumer."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer

from consumer.operations.cli.agreement import USUAL_MAX_COST_USD, Consent, MaxCostOption, YesOption
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.deliveries import AS_A_BATCH, DeliveryOption
from consumer.operations.cli.errors import EXIT_INTERRUPTED, CommandError, UsageError, in_one_line
from consumer.operations.cli.feeds.reference import METAVAR, named_bases, parse_reference
from consumer.operations.cli.feeds.revision_progress import seems_without_consumer, watch
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say, usd
from consumer.operations.cli.signals import cancel_on_signals
from consumer.operations.delivery import Deliveries, Delivery, NoBatches, model_for
from consumer.operations.revisions.regenerate import ask_again, estimated_cost_usd
from consumer.operations.revisions.revision_source import CannotRevise
from consumer.settings import DatabaseSettings, PostSettings, load
from repository.llm_models import ModelNotUsable
from repository.operations.revision_source import FeedReference, RevisionSource, current_feeds
from repository.operations.revisions import RequestedRevision, RevisionProgress, ask_for_revisions
from repository.pool import Connection
from schemas.request_state import RequestState

HOW_TO_LOOK = "look with `instagram-feed feeds history`"

FeedArguments = Annotated[
    list[FeedReference] | None, typer.Argument(metavar=METAVAR, parser=parse_reference, show_default=False)
]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which posts: those named, or the current ones that match."""

    named: list[FeedReference]
    tenant_id: str | None
    prompt_version_not: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be requested, live and by batch, at which estimated cost, and what cannot be."""

    live: list[RequestedRevision]
    batched: list[RequestedRevision]
    estimated_usd: Decimal
    problems: list[str]

    @property
    def asked(self) -> list[RequestedRevision]:
        """All that will be requested."""
        return [*self.live, *self.batched]


@dataclass(frozen=True, slots=True)
class Ending:
    """The result so far."""

    plan: Plan
    requests: list[RevisionProgress]
    is_interrupted: bool = False

    @property
    def pending(self) -> list[RevisionProgress]:
        """Unfinished requests, without those that go by batch."""
        return [request for request in self.requests if not (request.has_ended or request.is_batched)]


def regenerate(  # noqa: PLR0913 - the options of one command
    feeds: FeedArguments = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="All current posts of this tenant_id.")] = None,
    prompt_version_not: Annotated[
        str | None, typer.Option(help="All current posts not written with this prompt version.")
    ] = None,
    without_experiment: Annotated[
        bool,
        typer.Option("--without-experiment", help="Ignore the variant that an overlay has in an experiment."),
    ] = False,
    delivery: DeliveryOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number, oldest first.")] = 1_000,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the posts, but not for batches.")] = True,
    timeout: Annotated[float, typer.Option(min=0, help="Longest time to wait, in seconds.")] = 120,
    max_cost_usd: MaxCostOption = USUAL_MAX_COST_USD,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Rewrite posts from their stored inputs, each as a new revision; this costs LLM calls.

    A running consumer writes and publishes them with its current model and prompt, or those of the overlay's variant
    in an experiment. Name the posts, or select them by options.

    Example: instagram-feed feeds regenerate 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa --dry-run
    """
    selection = Selection(list(dict.fromkeys(feeds or ())), tenant, prompt_version_not, limit)
    if bool(selection.named) == bool(tenant or prompt_version_not):
        raise UsageError("say which posts: either their ids, or --tenant, --prompt-version-not or both")
    settings = load(DatabaseSettings)
    consent = Consent(max_cost_usd, yes)
    how = _How(timeout_s=timeout if wait else 0, keep_arm=not without_experiment, dry_run=dry_run, delivery=delivery)
    ending = asyncio.run(_regenerated(settings, selection, consent, how))
    if json:
        print_json(_document(ending, dry_run=dry_run))
    else:
        _show(ending, dry_run=dry_run)
    if ending.plan.batched and ending.requests and not json:
        say(f"{len(ending.plan.batched)} go by batch. {AS_A_BATCH}")
    _exit_by(ending, wait=wait)


@dataclass(frozen=True, slots=True)
class _How:
    timeout_s: float
    keep_arm: bool
    dry_run: bool
    delivery: Delivery | None


async def _regenerated(settings: DatabaseSettings, selection: Selection, consent: Consent, how: _How) -> Ending:
    async with database_connection(settings) as connection:
        plan = await _plan(connection, await _selected(connection, selection), how.delivery)
        if how.dry_run or not plan.asked:
            return Ending(plan, [])
        consent.obtain(f"{len(plan.asked)} posts would be rewritten", plan.estimated_usd)
        cancel_on_signals()
        try:
            entered = [
                *await ask_for_revisions(connection, plan.live, origin="regenerate", keep_arm=how.keep_arm),
                *await ask_for_revisions(
                    connection, plan.batched, origin="regenerate", keep_arm=how.keep_arm, by_batch=True
                ),
            ]
            late = {one.overlay_id for one in plan.asked} - {one.overlay_id for one in entered}
            plan.problems.extend(f"overlay {overlay_id} got a request in progress meanwhile" for overlay_id in late)
            return Ending(plan, await watch(connection, entered, timeout_s=how.timeout_s))
        except asyncio.CancelledError:
            return Ending(plan, [], is_interrupted=True)


async def _selected(connection: Connection, selection: Selection) -> list[RevisionSource]:
    references = selection.named or await current_feeds(
        connection,
        tenant_id=selection.tenant_id,
        prompt_version_not=selection.prompt_version_not,
        limit=selection.limit,
    )
    if not references:
        raise CommandError("no current post fits")
    return await named_bases(connection, references)


async def _plan(connection: Connection, bases: Sequence[RevisionSource], delivery: Delivery | None) -> Plan:
    deliveries = Deliveries(connection, delivery)
    await deliveries.know(basis.feed.tenant_id for basis in bases)
    known: set[UUID] = set()
    plan, estimated_usd = Plan([], [], Decimal(0), []), Decimal(0)
    is_any_batched = any(deliveries.by_batch(basis.feed.tenant_id) for basis in bases)
    factor = await _batch_factor(connection, delivery) if is_any_batched else Decimal(1)
    for basis in bases:
        try:
            one = ask_again(basis, now=datetime.now(UTC))
        except CannotRevise as error:
            plan.problems.append(str(error))
            continue
        # of two posts of one overlay the one named first is written anew
        if one.overlay_id in known:
            continue
        known.add(one.overlay_id)
        by_batch = deliveries.by_batch(one.tenant_id)
        (plan.batched if by_batch else plan.live).append(one)
        estimated_usd += estimated_cost_usd(basis) * (factor if by_batch else 1)
    return replace(plan, estimated_usd=estimated_usd)


async def _batch_factor(connection: Connection, delivery: Delivery | None) -> Decimal:
    """Return what a post costs by batch, for each USD that it costs live."""
    try:
        model = await model_for(connection, load(PostSettings).llm_model, delivery)
    except (ModelNotUsable, NoBatches) as error:
        raise CommandError(f"LLM_MODEL: {error}") from error
    return model.batch_factor


def _document(ending: Ending, *, dry_run: bool) -> dict[str, object]:
    plan = ending.plan
    return {
        "dry_run": dry_run,
        "posts": len(plan.asked),
        "estimated_usd": plan.estimated_usd,
        "requests": [asdict(request) for request in ending.requests],
        "problems": plan.problems,
    }


def _show(ending: Ending, *, dry_run: bool) -> None:
    plan = ending.plan
    if plan.asked:
        verb = "would be asked for" if dry_run else "asked for"
        estimate = f"about USD {usd(plan.estimated_usd)}, if they take as many tokens as before"
        say(f"{len(plan.asked)} new revisions {verb}: {estimate}.")
    for request in ending.requests:
        say(f"{request.overlay_id}:{request.revision} {_how_it_stands(request)}")
    written = [request for request in ending.requests if request.state is RequestState.DONE]
    if written:
        cost_usd = sum((request.cost_usd or Decimal(0) for request in written), Decimal(0))
        say(f"{len(written)} written for USD {usd(cost_usd)}.")


def _how_it_stands(request: RevisionProgress) -> str:
    if request.instagram_feed_id:
        return f"{request.instagram_feed_id}, USD {usd(request.cost_usd)}"
    reason = ", ".join(filter(None, (request.last_error_reason, request.last_error_detail)))
    return f"{request.state}: {reason}" if reason else request.state


def _exit_by(ending: Ending, *, wait: bool) -> None:
    """End with an exit code other than 0 if not every post asked for was written."""
    if ending.is_interrupted:
        raise CommandError(
            f"interrupted: what was asked for stays asked for, a running consumer writes it ({HOW_TO_LOOK})",
            exit_code=EXIT_INTERRUPTED,
        )
    problems = []
    failed = [request for request in ending.requests if request.state is RequestState.FAILED]
    if failed:
        problems.append(f"{len(failed)} of {len(ending.requests)} failed ({HOW_TO_LOOK})")
    if wait and ending.pending:
        problems.append(_why_pending(ending))
    problems.extend(ending.plan.problems)
    if problems:
        raise CommandError(in_one_line(problems))


def _why_pending(ending: Ending) -> str:
    if seems_without_consumer(ending.requests):
        return "no consumer has taken them: they are written as soon as `instagram-feed run` runs"
    return f"{len(ending.pending)} of {len(ending.requests)} are not written yet, which goes on ({HOW_TO_LOOK})"
