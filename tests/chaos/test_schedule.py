"""A short chaos run; `make chaos` runs longer ones."""

from pathlib import Path

from tests.chaos.marks import CHAOS, say
from tests.chaos.run import chaos_run
from tests.chaos.schedule import LANES

SEED = 20_261_122
SECONDS = 15.0

pytestmark = CHAOS


async def test_the_invariants_hold_under_a_seeded_schedule_of_faults(tmp_path: Path) -> None:
    result = await chaos_run(SEED, SECONDS, tmp_path, say)
    # a busy machine leaves the last ones out
    assert all(result.faults.keys() & set(kinds) for kinds in LANES.values())
    assert result.seen.rows
    assert [f"{violation.invariant}: {violation.text}" for violation in result.violations] == []
