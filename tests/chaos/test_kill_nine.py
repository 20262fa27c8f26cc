"""A kill -9 with a provider that keeps completions, and with one that does not."""

from pathlib import Path

from devstack.endpoints import Endpoints
from tests.chaos.kill_nine import CALLS, kill_again_and_again
from tests.chaos.marks import CHAOS, say

pytestmark = CHAOS


async def test_a_kill_pays_at_most_the_calls_in_flight_again(stack: Endpoints, tmp_path: Path) -> None:
    broker = stack.kafka_bootstrap_servers
    [kill] = await kill_again_and_again(1, tmp_path, store_responses=False, report=say, broker=broker)
    assert kill.in_flight == CALLS
    assert kill.rows == CALLS
    assert kill.paid_again <= CALLS


async def test_a_kill_pays_nothing_again_when_the_provider_keeps_completions(stack: Endpoints, tmp_path: Path) -> None:
    broker = stack.kafka_bootstrap_servers
    [kill] = await kill_again_and_again(1, tmp_path, store_responses=True, report=say, broker=broker)
    assert kill.in_flight == CALLS
    assert kill.rows == CALLS
    assert kill.paid_again == 0
