"""`instagram-feed status`: the consumers of the group, their partitions, and the work."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import JsonOption, people_console, print_json
from consumer.operations.cli.tables import print_table
from consumer.settings import DatabaseSettings, KafkaSettings, load
from consumer.telemetry.visible_text import one_line

if TYPE_CHECKING:
    from consumer.operations.status.group_status import GroupStatus
    from repository.ledger_figures import UnfinishedWork

NOBODY = "nobody"


def status(*, json: JsonOption = False) -> None:
    """Show the group's processes, their partitions and lag, work by state, the oldest waiting, breakers.

    Read only. Requests of other groups are not counted.

    Example: instagram-feed status
    """
    found = asyncio.run(_looked())
    now = datetime.now(UTC)
    if json:
        print_json(_document(found, now))
    else:
        _print(found, now, people_console())


async def _looked() -> "GroupStatus":
    from consumer.operations.status.group_status import look  # noqa: PLC0415 - `--help` needs no Kafka client

    kafka, database = load(KafkaSettings), load(DatabaseSettings)
    async with database_connection(database) as connection:
        return await look(connection, kafka)


def _document(found: "GroupStatus", now: datetime) -> dict[str, object]:
    oldest = found.oldest_waiting
    return {
        "group_id": found.group_id,
        "topic": found.topic,
        "processes": [
            {
                "owner": process.owner,
                "started_at": process.started_at,
                "is_alive": process.is_alive,
                "partitions": process.partitions,
                "lag": found.lag_of(process.partitions),
                "in_flight": process.condition.get("in_flight"),
                "in_flight_limit": process.condition.get("in_flight_limit"),
                "slots_used": process.condition.get("slots_used"),
                "slots": process.condition.get("slots"),
                "results_waiting": process.condition.get("results_waiting"),
                "store_problem": process.condition.get("store_problem"),
                "breakers": process.condition.get("breakers", {}),
            }
            for process in found.processes
        ],
        "partitions": [
            {
                "partition": one.partition,
                "owner": found.owners.get(one.partition),
                "first": one.first,
                "committed": one.committed,
                "end": one.end,
                "lag": one.lag,
            }
            for one in found.offsets
        ],
        "lag": found.lag_of([one.partition for one in found.offsets]),
        "kafka_problem": found.kafka_problem,
        "work": {work.state: {"requests": work.requests, "oldest_at": work.oldest_at} for work in found.work},
        "unfinished": [{**asdict(work), "age_s": _age_s(work.oldest_at, now)} for work in found.unfinished],
        "oldest_waiting": oldest and {**asdict(oldest), "age_s": _age_s(oldest.created_at, now)},
        "waiting_tenants": [{**asdict(one), "age_s": _age_s(one.oldest_at, now)} for one in found.waiting_tenants],
        "outbox": asdict(found.outbox),
        "lost": [asdict(gap) for gap in found.gaps],
        "left_by_other_groups": found.left_by_other_groups,
        "ignored": found.ignored,
    }


def _print(found: "GroupStatus", now: datetime, console: Console) -> None:
    print_table(_table(found, now))
    console.print(f"work: {_work(found)}")
    for unfinished in found.unfinished:
        console.print(f"  {_unfinished(unfinished, now)}")
    if found.kafka_problem:
        console.print(f"lag unknown: {found.kafka_problem}", soft_wrap=True)
    if oldest := found.oldest_waiting:
        why = f", {oldest.last_error_reason}" if oldest.last_error_reason else ""
        age = _age((now - oldest.created_at).total_seconds())
        console.print(f"oldest waiting: {oldest.overlay_id}:{oldest.revision}, {oldest.state} for {age}{why}")
    if found.waiting_tenants:
        console.print(f"waiting for a slot: {_tenants(found, now)}", soft_wrap=True)
    if found.outbox.oldest_at:
        age = _age((now - found.outbox.oldest_at).total_seconds())
        left = (
            f"; {found.outbox.unreadable:,} cannot be read (relay.event_unreadable)" if found.outbox.unreadable else ""
        )
        console.print(f"outbox: {found.outbox.events:,} events not published yet, the oldest for {age}{left}")
    for process in found.processes:
        if problem := process.condition.get("store_problem"):
            console.print(f"{process.owner} pays for nothing more: {problem}", soft_wrap=True)
    _print_losses(found, console)


def _print_losses(found: "GroupStatus", console: Console) -> None:
    """Tell of what nobody works on: deleted unread, skipped, left behind."""
    for gap in found.gaps:
        last, noticed = gap.end_offset - 1, f"{gap.noticed_at:%Y-%m-%d %H:%M}"
        console.print(f"lost: partition {gap.partition}, offsets {gap.begin_offset}-{last} (noticed {noticed} UTC)")
    if found.ignored:
        types = ", ".join(f"{records:,} of {one_line(name)}" for name, records in found.ignored.items())
        console.print(f"skipped since yesterday for a type that is not in OVERLAY_EVENT_TYPES: {types}", soft_wrap=True)
    for group_id, requests in found.left_by_other_groups.items():
        adopt = f"`instagram-feed requests adopt {group_id}`"
        console.print(f"left by group {group_id}, of which no process lives: {requests} requests ({adopt})")


def _table(found: "GroupStatus", now: datetime) -> Table:
    table = Table("process", "up", "partitions", "lag", "in flight", "breakers", box=None, pad_edge=False)
    table.title, table.title_justify = f"group {found.group_id}, topic {found.topic}", "left"
    for process in found.processes:
        table.add_row(
            process.owner if process.is_alive else f"{process.owner} (silent)",
            _age((now - process.started_at).total_seconds()),
            _numbers(process.partitions),
            _count(found.lag_of(process.partitions)),
            _in_flight(process.condition),
            _breakers(process.condition.get("breakers", {})),
        )
    if found.unread or not found.processes:
        table.add_row(NOBODY, "", _numbers(found.unread), _count(found.lag_of(found.unread)), "", "")
    return table


def _work(found: "GroupStatus") -> str:
    return ", ".join(f"{work.requests} {work.state}" for work in found.work) or "none yet"


def _tenants(found: "GroupStatus", now: datetime) -> str:
    return ", ".join(
        f"{one_line(one.tenant_id)} {one.requests:,} (the oldest for {_age(_age_s(one.oldest_at, now))})"
        for one in found.waiting_tenants
    )


def _unfinished(work: "UnfinishedWork", now: datetime) -> str:
    why = f" after {work.reason}" if work.reason else ""
    return f"{work.requests:,} {work.state}{why}, the oldest for {_age(_age_s(work.oldest_at, now))}"


def _in_flight(condition: dict[str, Any]) -> str:
    """Return requests in flight and their limit; a process of an older version reports no limit."""
    limit = condition.get("in_flight_limit")
    return _count(condition.get("in_flight")) + (f"/{limit:,}" if limit else "")


def _breakers(breakers: dict[str, str | None]) -> str:
    opened = [f"{model}: {reason}" for model, reason in breakers.items() if reason]
    return "; ".join(opened) or "closed"


def _numbers(partitions: list[int]) -> str:
    return " ".join(map(str, partitions)) or "-"


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _age_s(since: datetime, now: datetime) -> float:
    return round((now - since).total_seconds(), 1)


def _age(seconds: float) -> str:
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{seconds:.0f} s"
