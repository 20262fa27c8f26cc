"""One process of several ends: a short storm of each kind; `python -m tests.chaos.kill_storm` runs longer ones."""

from pathlib import Path

from devstack.endpoints import Endpoints
from tests.chaos.checker import LONGEST_WAIT_S
from tests.chaos.kill_storm import storm
from tests.chaos.marks import CHAOS, say

SEED = 20_261_122

pytestmark = CHAOS


async def test_one_killed_process_stops_nobody_else(stack: Endpoints, tmp_path: Path) -> None:
    """With all timeouts as in production: the group protocol stopped all of them for half a minute and more."""
    seen = await storm("one_kill", 2, SEED, tmp_path, say, broker=stack.kafka_bootstrap_servers)
    assert seen.all_stored
    assert max(seen.without_intake_s, seen.partition_passed_over_s) < LONGEST_WAIT_S


async def test_a_rolling_update_pays_for_nothing_again(stack: Endpoints, tmp_path: Path) -> None:
    seen = await storm("rolling", 2, SEED, tmp_path, say, broker=stack.kafka_bootstrap_servers)
    assert seen.all_stored
    assert seen.paid_again == 0
    assert max(seen.without_intake_s, seen.partition_passed_over_s) < LONGEST_WAIT_S
