"""`instagram-feed produce`: the lines of a file as records of overlay.completed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from consumer.kafka.sessions import BrokerUnavailable, connected_publisher
from consumer.operations.cli.errors import EXIT_INTERRUPTED, CommandError
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.cli.progress import progress_bar
from consumer.operations.cli.signals import cancel_on_signals
from consumer.operations.produce.event_lines import EventLine, problems_of
from consumer.operations.produce.line_reader import line_batches
from consumer.operations.produce.line_sender import BrokerSilent, LineSender, Publish, SendCounts, accept_all
from consumer.settings import KafkaSettings, load

STDIN = Path("-")
MOST_PROBLEMS_SHOWN = 20

Batches = AsyncIterator[list[EventLine]]


@dataclass(frozen=True, slots=True)
class ProduceResult:
    """The result; `unavailable_reason` is why the rest was not tried, if so."""

    tally: SendCounts
    seconds: float
    interrupted: bool
    unavailable_reason: str | None


def produce(
    file: Annotated[Path, typer.Argument(help="One event per line; - for standard input.", metavar="FILE.jsonl")],
    *,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Events per second.", show_default="as fast as possible")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Topic to send to.", show_default="OVERLAY_COMPLETED_TOPIC")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Validate all lines first; send none if one is invalid.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, send nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Send the lines of a file to overlay.completed, one record per line.

    A line is sent as it is, malformed or not, with its overlay_id as the key if it has one; blank lines are skipped.
    Ends once the broker has acknowledged all lines; Ctrl-C stops after those already sent.

    Example: instagram-feed produce events.jsonl --check --rate 50
    """
    settings = load(KafkaSettings)
    target = topic or settings.overlay_completed_topic
    with _opened(file) as descriptor:
        batches = line_batches(descriptor)
        if check:
            lines = asyncio.run(_collected(batches))
            _refuse_problems(lines, target, settings, json=json)
            batches = _one_batch(lines)
        outcome = asyncio.run(
            _send(batches, accept_all, target, None, total=None)
            if dry_run
            else _send_to_broker(batches, settings, target, rate, total=_line_count(file))
        )
    if json:
        print_json(_document(outcome, target, dry_run=dry_run))
    else:
        say(_sentence(outcome, target, dry_run=dry_run))
    _exit_by(outcome)


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    if file == STDIN:
        yield sys.stdin.fileno()
        return
    try:
        opened = file.open("rb", buffering=0)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    with opened:
        yield opened.fileno()


def _line_count(file: Path) -> int | None:
    """Count the lines for the progress bar; None for input that can be read only once."""
    if not file.is_file():
        return None
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


async def _collected(batches: Batches) -> list[EventLine]:
    return [line async for batch in batches for line in batch]


async def _one_batch(lines: list[EventLine]) -> Batches:
    yield lines


def _refuse_problems(lines: Sequence[EventLine], topic: str, settings: KafkaSettings, *, json: bool) -> None:
    """Report lines that the consumer would reject.

    Raises:
        CommandError: there is such a line.
    """
    written = [line for line in lines if not line.is_blank]
    problems = problems_of(
        written, topic=topic, max_event_bytes=settings.max_event_bytes, event_types=settings.event_types
    )
    if not problems:
        return
    if json:
        print_json({"topic": topic, "lines": len(written), "sent": 0, "problems": _listed(problems)})
    else:
        _print_problems(problems)
    raise CommandError(f"{len(problems)} of {len(written)} lines are invalid; nothing was sent")


async def _send_to_broker(
    batches: Batches, settings: KafkaSettings, topic: str, rate: float | None, *, total: int | None
) -> ProduceResult:
    try:
        async with connected_publisher(settings) as publisher:
            if topic not in await publisher.known_topics():
                raise CommandError(f"the broker has no topic {topic}: run `instagram-feed topics create`")
            return await _send(batches, publisher.publish, topic, rate, total=total)
    except BrokerUnavailable as error:
        raise CommandError(str(error)) from error


async def _send(
    batches: Batches, publish: Publish, topic: str, rate: float | None, *, total: int | None
) -> ProduceResult:
    sender, began = LineSender(publish, topic=topic, rate=rate), monotonic()
    interrupted, unavailable_reason = False, None
    cancel_on_signals()
    with progress_bar("sending", total) as report:
        try:
            await sender.send(batches, lambda tally: report(tally.done))
        except asyncio.CancelledError:
            interrupted = True
        except BrokerSilent as error:
            unavailable_reason = str(error)
    return ProduceResult(sender.tally, monotonic() - began, interrupted, unavailable_reason)


def _listed(problems: Mapping[int, str]) -> list[dict[str, object]]:
    return [{"line": number, "problem": problem} for number, problem in problems.items()]


def _print_problems(problems: Mapping[int, str]) -> None:
    for number, problem in list(problems.items())[:MOST_PROBLEMS_SHOWN]:
        say(f"line {number}: {problem}", err=True)
    if len(problems) > MOST_PROBLEMS_SHOWN:
        say(f"… and {len(problems) - MOST_PROBLEMS_SHOWN} more", err=True)


def _document(outcome: ProduceResult, topic: str, *, dry_run: bool) -> dict[str, object]:
    tally = outcome.tally
    return {
        "topic": topic,
        "dry_run": dry_run,
        "sent": 0 if dry_run else tally.sent,
        "would_send": tally.sent if dry_run else 0,
        "blank_lines": tally.blank,
        "without_key": tally.without_key,
        "failed": _listed(tally.failures),
        "seconds": round(outcome.seconds, 3),
        "interrupted": outcome.interrupted,
        "stopped_because": outcome.unavailable_reason,
    }


def _sentence(outcome: ProduceResult, topic: str, *, dry_run: bool) -> str:
    tally = outcome.tally
    notes = [f"{tally.blank} blank left out"] * bool(tally.blank)
    notes += [f"{tally.without_key} without an overlay_id, so without a key"] * bool(tally.without_key)
    verb = "would be sent" if dry_run else "sent"
    return f"{tally.sent} events {verb} to {topic} in {outcome.seconds:.1f} s" + "".join(f"; {note}" for note in notes)


def _exit_by(outcome: ProduceResult) -> None:
    """Exit with a code other than 0 if not every line was acknowledged."""
    failures = outcome.tally.failures
    if failures:
        _print_problems(failures)
    if outcome.unavailable_reason:
        raise CommandError(f"stopped: the broker no longer acknowledges ({outcome.unavailable_reason})")
    if outcome.interrupted:
        raise CommandError("interrupted: the lines after these were not sent", exit_code=EXIT_INTERRUPTED)
    if failures:
        raise CommandError(f"{len(failures)} lines were not acknowledged")
