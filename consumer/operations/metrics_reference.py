"""`python -m consumer.operations.metrics_reference`: docs/metrics.md from the metrics that the program exposes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumer.telemetry.metrics import Metrics

PAGE = Path("docs/metrics.md")
INTRODUCTION = """\
# Metrics

What `/metrics` on `OPS_PORT` has; OpenMetrics for who asks for it. `make docs` writes this page from
[`consumer/telemetry/metrics/`](../consumer/telemetry/metrics): edit that. A dashboard and alerts, with tests of them,
are in [`deploy/observability/`](../deploy/observability); each alert names its section of the [runbook](runbook.md).

Names that begin with `messaging_`, `gen_ai_` and `db_` follow OpenTelemetry's semantic conventions 1.44 in Prometheus'
spelling (those for messaging and gen_ai are in development there); all others begin with `instagram_feed_`. There are
`process_…` and `python_gc_…` of the Prometheus client besides. `error_type` is empty where there is none.

What the whole ledger or topic has (`instagram_feed_requests`, `…_outbox_…`, `…_consumer_lag_records`) is counted by one
process of the group, the one that reads partition 0, every ten seconds or less often: take `max` over the processes.
"""


def page() -> str:
    """Render the page."""
    lines = [f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in sorted(_rows(Metrics()))]
    return "\n".join([INTRODUCTION, "| name | type | labels | what |", "|---|---|---|---|", *lines]) + "\n"


def exposed_names(metrics: Metrics) -> set[str]:
    """Return the names that a query may ask for: those of histograms with their endings."""
    names: set[str] = set()
    for name, kind, _, _ in _rows(metrics):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def _rows(metrics: Metrics) -> Iterator[tuple[str, str, str, str]]:
    for collector in metrics.own:
        described: Any = collector  # both the client's metrics and ours can be described
        [family] = described.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        shown = ", ".join(f"`{label}`" for label in described._labelnames)  # noqa: SLF001 - it has no other name
        yield name, family.type, shown, family.documentation


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    if "--check" in sys.argv:
        if PAGE.read_text() != page():
            sys.stderr.write(f"{PAGE} is not what the metrics say: run `make docs` and commit it\n")
            return 1
        return 0
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
