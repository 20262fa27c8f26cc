"""What the application finds in its environment when a test has servers and topics of its own."""

import os
from uuid import uuid4

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.topics import Topics

PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "XDG_CACHE_HOME", "COVERAGE_PROCESS_CONFIG")


def new_account(stack: Endpoints) -> SimulatedLlmControl:
    """An account of the simulated LLM that nobody else uses."""
    assert stack.simulated_llm_url is not None
    return SimulatedLlmControl(stack.simulated_llm_url, account=f"test-{uuid4().hex[:12]}")


def feed_environment(stack: Endpoints, database_url: str, topics: Topics, llm: SimulatedLlmControl) -> dict[str, str]:
    """The whole environment for the command line as a process, in a consumer group of its own."""
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        **stack.environment(),
        **topics.environment(),
        "DATABASE_URL": database_url,
        "OPENAI_BASE_URL": llm.base_url,
        "KAFKA_GROUP_ID": f"test-{uuid4().hex[:12]}",
        "OPS_PORT": "0",
        "LOG_FORMAT": "json",
    }
