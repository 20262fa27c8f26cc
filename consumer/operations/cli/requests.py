"""`instagram-feed requests`: the ledger, and retrying failed requests."""

import asyncio
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from consumer.operations.cli.agreement import USUAL_MAX_COST_USD, Consent, MaxCostOption, YesOption
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.deliveries import AS_A_BATCH, DeliveryOption
from consumer.operations.cli.errors import UsageError
from consumer.operations.cli.moments import in_utc
from consumer.operations.cli.output import (
    CsvOption,
    DryRunOption,
    JsonOption,
    print_csv,
    print_json,
    refuse_both,
    say,
    usd,
)
from consumer.operations.cli.request_show import show
from consumer.operations.cli.tables import WideOption, print_table
from consumer.operations.delivery import Deliveries, Delivery
from consumer.operations.retrying import Retried
from consumer.operations.retrying import retry as tried_again
from consumer.settings import DatabaseSettings, KafkaSettings, TopicSettings, load
from consumer.telemetry.visible_text import one_line
from repository.operations import group_requests
from repository.operations.request_queries import (
    RequestCount,
    RequestFilter,
    RequestSummary,
    count_requests,
    list_requests,
    mean_post_cost_usd,
)
from schemas.request_state import RequestState

MOST_SHOWN = 100_000

requests = typer.Typer(
    help="Inspect the ledger: what became of each overlay, and retry failed requests.", no_args_is_help=True
)


OverlayOption = Annotated[UUID | None, typer.Option(help="Only this overlay_id, all revisions.")]
TenantOption = Annotated[str | None, typer.Option(help="Only requests of this tenant_id.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only requests with this last error, such as llm_refused.")]
SinceOption = Annotated[datetime | None, typer.Option(help="Only requests changed at this time (UTC) or later.")]
UntilOption = Annotated[datetime | None, typer.Option(help="Only requests changed before this time (UTC).")]


@requests.callback()
def _group() -> None:
    """Inspect the ledger: what became of each overlay, and retry failed requests."""


@requests.command()
def summary(*, tenant: TenantOption = None, since: SinceOption = None, json: JsonOption = False) -> None:
    """Count requests by state and last error, with the oldest of each and the cost of their calls.

    Covers all spending: on requests with a post, without one, and not finished yet.

    Example: instagram-feed requests summary --since 2026-11-22
    """
    counts = asyncio.run(_counted(RequestFilter(tenant_id=tenant, since=in_utc(since))))
    if json:
        print_json([asdict(count) for count in counts])
    elif counts:
        print_table(_summary_table(counts))
    else:
        say("No requests.")


@requests.command("list")
def list_(  # noqa: PLR0913 - the options of one command
    *,
    state: Annotated[RequestState | None, typer.Option(help="Only requests in this state.")] = None,
    overlay: OverlayOption = None,
    tenant: TenantOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_SHOWN, help="Maximum number of rows.")] = 20,
    wide: WideOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """List requests, most recently changed first.

    Example: instagram-feed requests list --state failed --reason llm_refused
    """
    wanted = RequestFilter(
        state=state,
        overlay_id=overlay,
        tenant_id=tenant,
        reason=reason,
        since=in_utc(since),
        until=in_utc(until),
    )
    refuse_both(json=json, csv=csv)
    found = asyncio.run(_listed(wanted, limit))
    if json:
        print_json([asdict(request) for request in found])
    elif csv:
        print_csv([asdict(request) for request in found], [field.name for field in fields(RequestSummary)])
    elif found:
        print_table(_table(found), wide=wide)
    else:
        say("No requests.")


@requests.command()
def retry(  # noqa: PLR0913 - the options of one command
    *,
    overlay: OverlayOption = None,
    tenant: TenantOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    all_: Annotated[bool, typer.Option("--all", help="All failed requests.")] = False,
    delivery: DeliveryOption = None,
    max_cost_usd: MaxCostOption = USUAL_MAX_COST_USD,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Retry failed requests; a running consumer takes them within a second.

    Answers already paid for are judged again first; only if none is usable another call is made.
    Select requests by options, or give --all.

    Example: instagram-feed requests retry --reason llm_unavailable --since 2026-11-22 --dry-run
    """
    wanted = RequestFilter(
        state=RequestState.FAILED,
        overlay_id=overlay,
        tenant_id=tenant,
        reason=reason,
        since=in_utc(since),
        until=in_utc(until),
    )
    if wanted == RequestFilter(state=RequestState.FAILED) and not all_:
        raise UsageError("say which failed requests: --overlay, --tenant, --reason, --since, --until or --all")
    retried = asyncio.run(_retried(wanted, delivery, None if dry_run else Consent(max_cost_usd, yes)))
    overlays = retried.overlay_ids
    if json:
        batched = len(retried.batched)
        print_json({"dry_run": dry_run, "requests": len(overlays), "batched": batched, "overlay_ids": overlays})
        return
    say(f"{len(overlays)} failed requests {'would be' if dry_run else 'will be'} tried again.")
    if retried.batched:
        say(f"{len(retried.batched)} go by batch. {AS_A_BATCH}")


@requests.command()
def adopt(
    group_id: Annotated[str, typer.Argument(help="The group that has ended, such as the previous KAFKA_GROUP_ID.")],
    *,
    json: JsonOption = False,
) -> None:
    """Let the consumers of this KAFKA_GROUP_ID continue what another group left unfinished.

    A consumer never touches another group's requests; use this when a group has ended for good or was renamed.

    Example: instagram-feed requests adopt instagram-feed-consumer
    """
    to_group = load(KafkaSettings).kafka_group_id
    if group_id == to_group:
        raise UsageError(f"{group_id} is KAFKA_GROUP_ID itself; name the group whose requests are to be taken over")
    adopted = asyncio.run(_adopted(group_id, to_group))
    if json:
        print_json({"from_group": group_id, "to_group": to_group, "requests": adopted})
    else:
        say(f"{adopted} unfinished requests of {group_id} are {to_group}'s now.")


requests.command()(show)


async def _adopted(from_group: str, to_group: str) -> int:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await group_requests.adopt(connection, from_group=from_group, to_group=to_group)


async def _listed(wanted: RequestFilter, limit: int) -> list[RequestSummary]:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await list_requests(connection, wanted, limit=limit)


async def _counted(wanted: RequestFilter) -> list[RequestCount]:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await count_requests(connection, wanted)


async def _retried(wanted: RequestFilter, delivery: Delivery | None, consent: Consent | None) -> Retried:
    """Retry requests; without consent only return which ones would be."""
    settings = load(TopicSettings)
    async with database_connection(load(DatabaseSettings)) as connection:
        deliveries = Deliveries(connection, delivery)
        found = await tried_again(connection, wanted, deliveries, settings, dry_run=True)
        if consent is None:
            return found
        failed = len(found.overlay_ids)
        consent.obtain(f"{failed} requests would be tried again", failed * await mean_post_cost_usd(connection))
        return await tried_again(connection, wanted, deliveries, settings)


def _summary_table(counts: list[RequestCount]) -> Table:
    table = Table("state", "last error", "oldest (UTC)", box=None, pad_edge=False)
    for name in ("requests", "calls", "USD"):
        table.add_column(name, justify="right")
    some_unknown = any(count.unknown_costs for count in counts)
    if some_unknown:
        table.add_column("cost unknown", justify="right")
    for count in counts:
        numbers = (f"{count.requests:,}", f"{count.llm_calls:,}", usd(count.cost_usd))
        oldest = f"{count.oldest_at:%Y-%m-%d %H:%M:%S}"
        unknown = (f"{count.unknown_costs:,}",) if some_unknown else ()
        table.add_row(count.state, count.last_error_reason or "", oldest, *numbers, *unknown)
    return table


def _table(found: list[RequestSummary]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("changed (UTC)", "state", "overlay", "tenant"):
        table.add_column(name, no_wrap=True)
    for name in ("attempts", "calls", "USD"):
        table.add_column(name, justify="right")
    table.add_column("last error")
    for request in found:
        table.add_row(
            f"{request.updated_at:%Y-%m-%d %H:%M:%S}",
            request.state,
            str(request.overlay_id),
            one_line(request.tenant_id),
            str(request.attempts),
            str(request.llm_calls),
            "?" if request.cost_usd is None else f"{request.cost_usd:.6f}",
            one_line(": ".join(filter(None, (request.last_error_reason, request.last_error_detail)))),
        )
    return table
