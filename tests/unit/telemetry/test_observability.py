"""Dashboard, rules and runbook: they name only what the program exposes, and leave out nothing."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.operations.metrics_reference import exposed_names
from consumer.telemetry.metrics import Metrics
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/observability"
METRIC = re.compile(r"\b(?:messaging|gen_ai|db_client|instagram_feed)_[a-z_]+(?=[\s{\[()]|$)")
LABEL_LISTS = re.compile(r"\b(?:by|without)\s*\([^)]*\)|\{[^}]*\}")
PROMTOOL = shutil.which("promtool")


def alerts() -> list[tuple[str, str, str]]:
    [group] = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [(rule["alert"], rule["expr"], rule["annotations"]["runbook"]) for rule in group["rules"]]


def checks() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((FOLDER / "rules.test.yml").read_text())["tests"]:
        yield from group["alert_rule_test"]


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
    assert [link for name, _, link in alerts() if link != f"docs/runbook.md#{name.lower()}"] == []
    assert (names | set(Reason)) - sections == set()


def test_every_alert_is_tested_to_fire_and_to_clear() -> None:
    names = {name for name, _, _ in alerts()}
    assert {check["alertname"] for check in checks() if check.get("exp_alerts")} == names
    assert {check["alertname"] for check in checks() if not check.get("exp_alerts")} == names


def test_prometheus_finds_every_replica() -> None:
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    [discovery] = job["dns_sd_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert [name for name in services if name.startswith("consumer")] == discovery["names"]
    assert (job["job_name"], discovery["type"], discovery["port"]) == ("instagram-feed", "A", 8080)


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of Debian's prometheus")
@pytest.mark.parametrize(
    "command", ["check config prometheus.yml", "check rules rules.yml", "test rules rules.test.yml"]
)
def test_promtool_passes(command: str) -> None:
    run = subprocess.run(
        [str(PROMTOOL), *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr
