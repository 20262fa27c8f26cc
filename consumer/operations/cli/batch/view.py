"""Batches as people read them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from rich.table import Table

from consumer.operations.cli.output import usd
from consumer.telemetry.visible_text import one_line
from repository.operations.batch_queries import BatchSummary
from schemas.batch_state import BatchState


def batches_table(batches: Iterable[BatchSummary]) -> Table:
    """Return a table with a line per batch."""
    table = Table(box=None, pad_edge=False)
    for name in ("batch", "state", "model", "requests", "progress", "expected end", "USD", "note"):
        table.add_column(name, no_wrap=name in {"batch", "expected end"})
    for one in batches:
        table.add_row(
            str(one.batch_id),
            state_of(one),
            one_line(one.model_name),
            f"{one.requests:,}",
            progress_of(one),
            moment(one.expected_end),
            usd(one.cost_usd),
            one_line(note_of(one)),
        )
    return table


def state_of(one: BatchSummary) -> str:
    """Return its state and, while it is at the provider, the provider's status."""
    told = one.state is BatchState.CREATED and one.provider_status
    return f"{one.state}, {one.provider_status}" if told else str(one.state)


def progress_of(one: BatchSummary) -> str:
    """Return how many requests are answered or, when it has ended, collected."""
    done = one.completed + one.failed if one.state is BatchState.CREATED else one.collected
    return f"{done:,}/{one.requests:,}"


def note_of(one: BatchSummary) -> str:
    """Return remarks about a batch."""
    notes = []
    if one.duplicate_of:
        notes.append(f"a second one of {one.duplicate_of}")
    if one.cancel_requested_at and not one.state.has_ended:
        notes.append("to be cancelled")
    if one.suspects:
        notes.append(f"{one.suspects} results name other overlays")
    if one.last_error:
        notes.append(one.last_error)
    return "; ".join(notes)


def moment(when: datetime | None) -> str:
    """Return a time in UTC, to the minute."""
    return f"{when:%Y-%m-%d %H:%MZ}" if when else ""


def document(one: BatchSummary) -> dict[str, object]:
    """Return the same for scripts."""
    return asdict(one)
