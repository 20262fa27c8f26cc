"""A budget and several processes that spend it: the provider's own ledger says what was spent.

With TEST_BUDGET_RUNS=full the runs are those of eight processes, which take minutes.
"""

import os
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.pool import open_pool
from tests.support.budget_runs import CUT_OFF, BudgetRun
from tests.support.topics import Topics

FULL = os.environ.get("TEST_BUDGET_RUNS") == "full"
pytestmark = pytest.mark.timeout(900 if FULL else 120)


@pytest.fixture
async def run(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> AsyncIterator[BudgetRun]:
    """Where consumers can be started that share a budget."""
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    yield BudgetRun(feed_env, stack.kafka_bootstrap_servers, topics, llm, pool)
    await pool.close()


async def test_processes_together_use_a_budget_and_never_overdraw_it_and_a_raise_lets_them_go_on(
    run: BudgetRun,
) -> None:
    if FULL:
        figures = await run.spend(processes=8, usd=Decimal(1), events=6_000)
    else:
        figures = await run.spend(processes=2, usd=Decimal("0.04"), events=250)
    print(figures)  # noqa: T201 - for who asked for a full run
    assert Decimal("0.97" if FULL else "0.9") <= figures.billed / figures.limit <= 1, figures
    assert figures.held > 0, figures
    assert figures.released_after_s < 5, figures
    assert figures.booked == figures.billed, figures


async def test_what_is_booked_covers_the_bill_whatever_is_cut_off_or_killed(
    run: BudgetRun, llm: SimulatedLlmControl
) -> None:
    await llm.set_faults(CUT_OFF)
    size = {"processes": 8, "events": 1_500, "kills": 5} if FULL else {"processes": 2, "events": 100, "kills": 1}
    figures = await run.spend(usd=Decimal(10), **size)
    print(figures)  # noqa: T201 - for who asked for a full run
    assert figures.billed <= figures.booked <= figures.billed + figures.unknown, figures
