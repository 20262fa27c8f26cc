"""The scenarios by name, in the order in which they are run."""

from bench.scenario import Scenario
from bench.scenarios.saturated import SATURATED

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in (SATURATED,)}
