"""`instagram-feed doctor`: what is missing or wrong before the consumer can run."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.text import Text

from consumer.operations.cli.errors import EXIT_FAILED
from consumer.operations.cli.output import JsonOption, people_console, print_json, progress_console
from consumer.operations.doctor.finding import Finding, Status

SIGNS: dict[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}


def doctor(*, json: JsonOption = False) -> None:
    """Check everything that the consumer needs, and say how to fix what is wrong.

    Checks settings, broker, topics, database, schema, model and LLM endpoint; findings name their section of the
    runbook. Nothing is changed and no call is billed. The exit code is 1 if a check fails; warnings do not count.

    Example: instagram-feed doctor
    """
    from consumer.operations.doctor.examination import examine  # noqa: PLC0415 - `--help` needs no clients

    with progress_console().status("checking"):
        findings = asyncio.run(examine())
    healthy = all(finding.status in {"ok", "warning"} for finding in findings)
    if json:
        print_json({"healthy": healthy, "checks": [asdict(one) | {"runbook": one.runbook} for one in findings]})
    else:
        _print(findings)
    if not healthy:
        raise typer.Exit(EXIT_FAILED)


def _print(findings: Sequence[Finding]) -> None:
    console = people_console()
    for finding in findings:
        sign, color = SIGNS[finding.status]
        line = Text.assemble((f"{sign} {finding.check:<15}", color), finding.detail)
        if finding.advice:
            line.append(f" → {finding.advice}", "bold")
        if finding.runbook:
            line.append(f" ({finding.runbook})", "dim")
        console.print(line, soft_wrap=True)
