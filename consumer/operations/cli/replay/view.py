"""The report of a replay, as text and as JSON."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from consumer.operations.cli.deliveries import AS_A_BATCH
from consumer.operations.cli.output import usd
from consumer.operations.cli.replay.run import Result
from consumer.operations.replay.choice import ACTIVE

MOST_TYPES = 5


def sentences(result: Result) -> Iterator[str]:
    """Return the lines of the report."""
    tally = result.tally
    yield f"replay {result.name} ({result.mode}): {tally.records} records read."
    for count, what in (
        (tally.invalid, "invalid"),
        (tally.ignored, f"of another type ({_types(tally.ignored_types)})"),
        (tally.others, "not asked for"),
        (tally.repeated, "further events of an overlay"),
    ):
        if count:
            yield f"{count:>8} {what}"
    for action, count in tally.actions.items():
        yield f"{count:>8} {action}" if action not in ACTIVE else f"{count:>8} {_will(result)} {action}"
    if tally.paid:
        yield _estimate(result)
    if result.progress:
        yield _progress(result)
    if tally.batched:
        yield f"{tally.batched} go by batch. {AS_A_BATCH}"


def _types(ignored: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in ignored.most_common(MOST_TYPES))


def _will(result: Result) -> str:
    return "would be" if result.is_dry_run else "to be"


def _estimate(result: Result) -> str:
    one = result.estimate
    basis = "a guess, there are no posts of this model to go by" if one.is_guess else "as the last posts took"
    return (
        f"Estimate: {one.prompt_tokens:,} prompt and {one.completion_tokens:,} completion tokens, "
        f"USD {usd(one.cost_usd)}{_time(result)} ({basis})."
    )


def _time(result: Result) -> str:
    if result.tally.batched == result.tally.paid:
        return ""
    return f", {result.estimate.seconds:,.0f} s with one consumer"


def _progress(result: Result) -> str:
    if result.progress is None:
        return ""
    one = result.progress
    parts = [f"{one.done} written", f"{one.failed} failed", f"{one.pending} pending", f"{one.republished} sent again"]
    return f"Of this replay so far: {', '.join(parts)}; USD {usd(one.cost_usd)} spent."


def document(result: Result) -> dict[str, object]:
    """Return the report as a JSON document."""
    tally = result.tally
    return {
        "replay": result.name,
        "replay_id": result.replay_id,
        "mode": result.mode,
        "delivery": result.delivery,
        "batched": tally.batched,
        "dry_run": result.is_dry_run,
        "interrupted": result.is_interrupted,
        "ranges": [asdict(one) for one in result.ranges],
        "records": tally.records,
        "invalid": tally.invalid,
        "ignored": tally.ignored,
        "ignored_types": dict(tally.ignored_types),
        "not_asked_for": tally.others,
        "repeated": tally.repeated,
        "actions": {action.name.lower(): count for action, count in tally.actions.items()},
        "to_do": tally.active,
        "estimate": asdict(result.estimate),
        "progress": result.progress and asdict(result.progress),
    }
