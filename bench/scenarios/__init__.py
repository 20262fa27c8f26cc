"""The scenarios by name, in the order in which they are run."""

from bench.scenario import Scenario
from bench.scenarios.beside_flood import BESIDE_FLOOD
from bench.scenarios.beside_replay import BESIDE_REPLAY
from bench.scenarios.budgets import BUDGETS
from bench.scenarios.experiment import EXPERIMENT
from bench.scenarios.fairness import FAIRNESS
from bench.scenarios.full_database import FULL_DATABASE
from bench.scenarios.latency_bound import LATENCY_BOUND
from bench.scenarios.memory import MEMORY
from bench.scenarios.partitions import ONE_PARTITION
from bench.scenarios.rebalance import REBALANCE
from bench.scenarios.replay import REPLAY
from bench.scenarios.saturated import SATURATED
from bench.scenarios.start import START
from bench.scenarios.steady import STEADY
from bench.scenarios.waiting_tenants import WAITING_TENANTS
from bench.scenarios.weights import WEIGHTS

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        SATURATED,
        EXPERIMENT,
        FAIRNESS,
        BUDGETS,
        LATENCY_BOUND,
        STEADY,
        BESIDE_REPLAY,
        BESIDE_FLOOD,
        WEIGHTS,
        ONE_PARTITION,
        REPLAY,
        REBALANCE,
        START,
        MEMORY,
        FULL_DATABASE,
        WAITING_TENANTS,
    )
}
