"""Dashboard, rules and runbook: they name only what the program exposes, and leave out nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from consumer.operations.metrics_reference import exposed_names
from consumer.telemetry.metrics import Metrics
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/observability"
METRIC = re.compile(r"\b(?:messaging|gen_ai|db_client|instagram_feed)_[a-z_]+(?=[\s{\[()]|$)")
LABEL_LISTS = re.compile(r"\b(?:by|without)\s*\([^)]*\)|\{[^}]*\}")
ALERT = re.compile(r"- alert: (\w+)\n +expr: >-\n +(.+)\n(?:.*\n)*?.*runbook: docs/runbook\.md#(\w+)")


def alerts() -> list[tuple[str, str, str]]:
    return ALERT.findall((FOLDER / "rules.yml").read_text())


def expressions() -> Iterator[str]:
    yield from (expression for _, expression, _ in alerts())
    dashboard = json.loads((FOLDER / "grafana/dashboards/instagram-feed.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_expression_asks_for_metrics_that_there_are_and_its_brackets_close() -> None:
    exposed, asked = exposed_names(Metrics()), set[str]()
    for expression in expressions():
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), expression
        names = set(METRIC.findall(LABEL_LISTS.sub(" ", expression)))
        assert names, expression
        asked |= names
    assert asked - exposed == set()


def test_every_alert_and_every_reason_has_its_section_in_the_runbook() -> None:
    sections = set(re.findall(r"^## (\S+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE))
    names = {name for name, _, _ in alerts()}
    assert len(names) == (FOLDER / "rules.yml").read_text().count("- alert:")
    assert [link for name, _, link in alerts() if link != name.lower()] == []
    assert (names | set(Reason)) - sections == set()
