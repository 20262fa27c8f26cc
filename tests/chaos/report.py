"""A run's result as tables for people and as JSON for machines."""

import json
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.checker import INVARIANTS, holds_s, payments
from tests.chaos.llm_faults import LLM_TIMEOUT_S
from tests.chaos.run import ChaosResult

MOST_SHOWN = 5


def figures(result: ChaosResult) -> dict[str, Any]:
    """The counts of a run."""
    seen = result.seen
    paid = payments(seen, llm_timeout_s=LLM_TIMEOUT_S)
    topics = Counter(record.topic for record in seen.published)
    created_copies = topics["created"] - len({record.value for record in seen.published if record.topic == "created"})
    overlays = [record.overlay_id for record in seen.sent if record.overlay_id]
    holds = holds_s(seen)
    return {
        "events acknowledged": len(seen.sent),
        "valid overlays": len(set(overlays)),
        "duplicates sent": len(overlays) - len(set(overlays)),
        "poison": len(seen.sent) - len(overlays),
        "rows": len(seen.rows),
        "failed requests": sum(request.state == "failed" for request in seen.requests),
        "LLM calls": len(seen.calls),
        "billed calls": paid.billed,
        "retries allowed": paid.retries,
        "in flight when disrupted": paid.in_flight,
        "paid again": paid.paid_again,
        "created events": topics["created"],
        "created events sent again": created_copies,
        "dead letters": topics["dead_letter"],
        "answers of Postgres lost": result.answers_lost,
        "commit samples": len(seen.commits),
        "probes that count": len(holds),
        "longest hold by poison, s": round(max(holds, default=0.0), 2),
        "drained after, s": seen.drained_after_s and round(seen.drained_after_s, 1),
    }


def as_json(result: ChaosResult) -> str:
    """The whole result on one line."""
    violations = [{"invariant": violation.invariant, "text": violation.text} for violation in result.violations]
    return json.dumps(
        {
            "seed": result.seed,
            "seconds": result.seconds,
            "faults": result.faults,
            "figures": figures(result),
            "violations": violations,
        },
        ensure_ascii=False,
    )


def show(result: ChaosResult, console: Console) -> None:
    """Print what was done, what came of it, and the verdict on each invariant."""
    console.print(_counts(f"Faults injected, seed {result.seed}", dict(sorted(result.faults.items()))))
    console.print(_counts("What came of it", figures(result)))
    console.print(_verdicts(result))
    shown = Counter[int]()
    for violation in result.violations:
        shown[violation.invariant] += 1
        if shown[violation.invariant] <= MOST_SHOWN:
            console.print(f"{violation.invariant}: {violation.text}", markup=False, highlight=False)


def _counts(title: str, counts: dict[str, Any]) -> Table:
    table = Table("", "", title=title, show_header=False)
    for name, count in counts.items():
        table.add_row(name, f"{count}")
    return table


def _verdicts(result: ChaosResult) -> Table:
    violated = Counter(violation.invariant for violation in result.violations)
    table = Table("", "invariant", "verdict", title=f"Invariants, seed {result.seed}")
    for number, text in INVARIANTS.items():
        verdict = f"[red]violated {violated[number]} times" if violated[number] else "[green]holds"
        table.add_row(f"{number}", text, verdict)
    return table
