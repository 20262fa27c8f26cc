"""What dashboard and rules ask of Prometheus, so written that an answer shows that there is data. Pure."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy/observability"
RULES = FOLDER / "rules.yml"
DASHBOARD = FOLDER / "grafana/dashboards/instagram-feed.json"
RATE_INTERVAL = "1m"  # what Grafana takes at a scrape interval of 15 s
_COMPARISON = re.compile(r"\{[^}]*\}|(==|!=|>=|<=|>|<)")
_RANGE = re.compile(r"\[([^\]]+)\]")
_DURATION = re.compile(r"(\d+)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}


def asked() -> Mapping[str, str]:
    """Every expression of the rules and the dashboard by where it stands."""
    found = {f"alert {rule['alert']}": told(rule["expr"]) for rule in rules(RULES.read_text())}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for number, target in enumerate(panel["targets"], start=1):
            found[f"panel {panel['title']} {number}"] = target["expr"].replace("$__rate_interval", RATE_INTERVAL)
    return found


def rules(text: str) -> list[dict[str, Any]]:
    """The rules of a file."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def told(expression: str) -> str:
    """An alert's expression with comparisons that say yes or no in place of leaving out what is well."""
    return _COMPARISON.sub(lambda found: f"{found[1]} bool" if found[1] else found[0], expression)


def faster(text: str, times: int) -> str:
    """The rules with all ranges and holds so many times shorter: for a Prometheus that scrapes so much more often."""
    parsed = yaml.safe_load(text)
    for rule in (rule for group in parsed["groups"] for rule in group["rules"]):
        rule["expr"] = _RANGE.sub(lambda found: f"[{_shorter(found[1], times)}]", rule["expr"])
        rule["for"] = _shorter(rule["for"], times)
    return str(yaml.safe_dump(parsed))


def _shorter(durations: str, times: int) -> str:
    return _DURATION.sub(lambda found: f"{int(found[1]) * _SECONDS[found[2]] * 1_000 // times}ms", durations)
