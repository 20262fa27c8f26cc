"""What comes with an extra is imported only where it is asked for, and its absence is told."""

import subprocess
import sys
from functools import cache

import pytest

OPEN_SPANS_WITHOUT_THE_EXTRA = """
import sys
from types import SimpleNamespace
sys.modules["opentelemetry"] = None
from consumer.errors import StartupError
from consumer.resources import _open_span_export
try:
    _open_span_export(SimpleNamespace(traces=True), None)
except StartupError as error:
    print(error)
"""


@cache
def imported_by_the_service() -> set[str]:
    program = "import sys, consumer.lifecycle; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("package", ["confluent_kafka", "opentelemetry", "scipy"])
def test_the_service_does_not_import_what_comes_with_an_extra(package: str) -> None:
    assert package not in imported_by_the_service()


def test_tracing_without_its_extra_ends_the_start_and_says_how_to_get_it() -> None:
    command = [sys.executable, "-c", OPEN_SPANS_WITHOUT_THE_EXTRA]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said == "TRACING needs OpenTelemetry: pip install 'instagram-feed-consumer[tracing]'\n"
