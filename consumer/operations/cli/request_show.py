"""`instagram-feed requests show`: what became of one request, with its LLM calls that led to no post."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import JsonOption, people_console, print_json
from consumer.settings import DatabaseSettings, load
from repository.operations.request_calls import ShownCall, calls_of, find_request
from repository.operations.request_queries import RequestSummary

METAVAR = "OVERLAY_ID[:REVISION]"
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class RequestReference:
    """How a request is named: by its overlay, and a revision if not the newest."""

    overlay_id: UUID
    revision: int | None = None

    def __str__(self) -> str:
        """Return the form used on the command line."""
        return f"{self.overlay_id}" + ("" if self.revision is None else f":{self.revision}")


def parse_request(text: str) -> RequestReference:
    """Parse an overlay_id with an optional revision.

    Raises:
        typer.BadParameter: it is neither.
    """
    name, colon, revision = text.partition(":")
    try:
        return RequestReference(UUID(name), int(revision) if colon else None)
    except ValueError:
        raise typer.BadParameter(f"{text!r} must be {METAVAR}") from None


def show(
    request: Annotated[RequestReference, typer.Argument(metavar=METAVAR, parser=parse_request, show_default=False)],
    *,
    json: JsonOption = False,
) -> None:
    """Show a request (by default the newest revision), with its LLM calls that led to no post.

    Their raw answers are in the table llm_calls; `requests retry` judges them again before it pays for another call.

    Example: instagram-feed requests show 9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa
    """
    summary, calls = asyncio.run(_found(request))
    if json:
        print_json({**asdict(summary), "calls": [asdict(call) for call in calls]})
        return
    console = people_console()
    for line in (*_request_lines(summary), "", *_call_lines(calls)):
        console.print(line)


async def _found(wanted: RequestReference) -> tuple[RequestSummary, list[ShownCall]]:
    async with database_connection(load(DatabaseSettings)) as connection:
        summary = await find_request(connection, wanted.overlay_id, wanted.revision)
        if summary is None:
            raise CommandError(f"the ledger has no request {wanted}")
        return summary, await calls_of(connection, summary.overlay_id, summary.revision)


def _request_lines(request: RequestSummary) -> Iterator[str]:
    yield f"{request.overlay_id}:{request.revision} {request.state}"
    yield f"tenant      {request.tenant_id}"
    yield f"event       {request.source_topic}/{request.source_partition}/{request.source_offset}"
    yield f"changed     {request.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    if request.experiment_id:
        yield f"experiment  {request.experiment_name or request.experiment_id}, variant {request.variant}"
    yield f"attempts    {request.attempts}"
    yield f"LLM calls   {request.llm_calls}, {_tokens(request.total_tokens)}, {_usd(request)}"
    if request.last_error_reason:
        yield f"last error  {request.last_error_reason}: {request.last_error_detail or ''}".rstrip(": ")


def _call_lines(calls: list[ShownCall]) -> Iterator[str]:
    if not calls:
        yield "No call whose answer did not become the post."
        return
    yield "Calls whose answer did not become the post:"
    for call in calls:
        total = None
        if call.prompt_tokens is not None and call.completion_tokens is not None:
            total = call.prompt_tokens + call.completion_tokens
        took = UNKNOWN if call.latency_ms is None else f"{call.latency_ms:,.0f}"
        yield f"{call.call_number:>3}  {call.called_at:%Y-%m-%d %H:%M:%S}  {call.verdict}  {call.llm_model}"
        yield f"     {_tokens(total)}, {_usd(call)}, {took} ms"
        if call.detail:
            yield f"     {call.detail}"


def _tokens(count: int | None) -> str:
    return f"{UNKNOWN if count is None else format(count, ',')} tokens"


def _usd(of: RequestSummary | ShownCall) -> str:
    return f"USD {UNKNOWN if of.cost_usd is None else format(of.cost_usd, '.6f')}"
