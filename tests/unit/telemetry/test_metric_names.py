"""Names of metrics are ones that Prometheus' own linter passes, and follow its rules where that is not installed."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consumer.telemetry.metrics import Metrics

PROMTOOL = shutil.which("promtool")
RESERVED = ("_bucket", "_count", "_sum", "_total", "_created", "_info")
KINDS = ("gauge", "counter", "histogram", "summary")
NOT_BASE_UNITS = re.compile(r"_(?:s|ms|us|ns|milli\w+|micro\w+|minutes|hours|days|kb|mb|kilo\w+|percent)(?:_|$)")


class Sampled(Collector):
    """One sample of everything that may be exposed, whatever must happen for it."""

    def collect(self) -> Iterator[Metric]:
        """Yield what each metric describes, with a sample."""
        for family in families():
            match family.type:
                case "counter":
                    family.add_sample(f"{family.name}_total", {}, 1)
                case "histogram":
                    family.add_sample(f"{family.name}_bucket", {"le": "+Inf"}, 1)
                    family.add_sample(f"{family.name}_count", {}, 1)
                    family.add_sample(f"{family.name}_sum", {}, 1)
                case _:
                    family.add_sample(family.name, {}, 1)
            yield family


def families() -> list[Metric]:
    described: list[Any] = list(Metrics().own)  # both the client's metrics and ours can be described
    return [family for collector in described for family in collector.describe()]


def against_the_rules(family: Metric) -> list[str]:
    name, found = family.name, []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        found.append("not in snake_case")
    if name.endswith(RESERVED) and name != "instagram_feed_build_info":
        found.append("an ending that a type reserves")
    if set(name.split("_")) & set(KINDS):
        found.append("its type in its name")
    if NOT_BASE_UNITS.search(name):
        found.append("not a base unit in full")
    if not family.documentation:
        found.append("no help")
    return found


def test_names_follow_the_rules() -> None:
    broken = {family.name: found for family in families() if (found := against_the_rules(family))}
    assert broken == {}


@pytest.mark.parametrize(
    "name", ["db_client_connection_count", "wait_ms", "waitTime", "requests_total", "age_minutes", "load_gauge"]
)
def test_what_is_against_the_rules_is_found(name: str) -> None:
    assert against_the_rules(Metric(name, "Help", "gauge"))


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of Debian's prometheus")
def test_promtool_has_nothing_to_say() -> None:
    registry = CollectorRegistry()
    registry.register(Sampled())
    run = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, b"")
