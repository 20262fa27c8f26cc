"""The scenarios by name, in the order in which they are run."""

from bench.scenario import Scenario
from bench.scenarios.latency_bound import LATENCY_BOUND
from bench.scenarios.partitions import ONE_PARTITION
from bench.scenarios.saturated import SATURATED
from bench.scenarios.steady import STEADY

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (SATURATED, LATENCY_BOUND, STEADY, ONE_PARTITION)
}
