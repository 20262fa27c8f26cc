"""The simulated LLM in the test's own event loop, and the real openai client on a real socket."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.server import SimulatedLlmServer
from tests.contract.simulated_llm.calls import open_client


@pytest.fixture
async def server() -> AsyncIterator[SimulatedLlmServer]:
    async with SimulatedLlmServer() as server:
        yield server


@pytest.fixture
def simulated_llm(server: SimulatedLlmServer) -> SimulatedLlmControl:
    """The default account."""
    return server.control()


@pytest.fixture
async def client(simulated_llm: SimulatedLlmControl) -> AsyncIterator[AsyncOpenAI]:
    """A client of the default account, set up as the consumer's."""
    async with open_client(simulated_llm.base_url) as client:
        yield client
