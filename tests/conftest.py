"""One local stack for all tests; each test has its own database, topics and LLM account on it.

The stack is the servers that the environment names, else containers, else embedded ones. It starts with the
first test that asks for it, so unit tests run without. The LLM is always the simulated one.
"""

import gc
import os
from collections.abc import AsyncIterator, Generator
from contextlib import nullcontext

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

from bench.topics import existing_topics
from devstack.endpoints import Endpoints
from devstack.plan import Owner
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.stack import local_stack, start_stack
from repository import migrations
from tests.support.databases import fresh_database
from tests.support.environment import feed_environment, new_account
from tests.support.stack_folder import clear_abandoned, folder_in_memory
from tests.support.topics import Topics, unique_topics

DEFAULT_PARTITIONS = 4

# How fast an example is made or run says more of the machine than of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# For `--hypothesis-profile=fuzz`: as many examples as one has patience for.
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100000"))
settings.register_profile(
    "fuzz", max_examples=FUZZ_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "partitions(count): how many partitions the test's topics have (default 4)")
    # unless told otherwise structlog draws tracebacks with all local variables, which takes seconds each
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have no garbage collected, which took a quarter of the time: libraries and tests stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoints]:
    """Broker, Postgres and simulated LLM, for the whole session; under xdist one stack for all workers."""
    environ = {name: value for name, value in os.environ.items() if name != "OPENAI_BASE_URL"}

    def report(line: str) -> None:
        capturing = request.config.pluginmanager.getplugin("capturemanager")
        with capturing.global_and_fixture_disabled() if capturing else nullcontext():
            print(f"\n{line}", end="", flush=True)  # noqa: T201

    await clear_abandoned()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Any worker may be the first to start it and the last to need it: it ends with the workers' parent.
        parent = os.getppid()
        folder = folder_in_memory(parent) or tmp_path_factory.getbasetemp().parent / "stack"
        yield await start_stack(folder, owner=Owner.of(parent), environ=environ, report=report)
    else:
        async with local_stack(folder_in_memory(os.getpid()), environ=environ, report=report) as endpoints:
            yield endpoints


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_template(stack: Endpoints) -> AsyncIterator[str]:
    """The URL of a database at the newest revision, to be copied and never used itself."""
    async with fresh_database(stack.database_url) as url:
        await migrations.upgrade(url)
        yield url


@pytest.fixture
async def empty_database_url(stack: Endpoints) -> AsyncIterator[str]:
    """The URL of a new database without any table."""
    async with fresh_database(stack.database_url) as url:
        yield url


@pytest.fixture
async def database_url(stack: Endpoints, migrated_template: str) -> AsyncIterator[str]:
    """The URL of a new database at the newest revision."""
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        yield url


@pytest.fixture
def topic_names() -> Topics:
    """Names for the application's topics, which are made only for a test that asks for `topics`."""
    return unique_topics()


@pytest.fixture
async def topics(request: pytest.FixtureRequest, stack: Endpoints, topic_names: Topics) -> AsyncIterator[Topics]:
    """The application's topics under names of their own, with 4 partitions or as the marker says."""
    marker = request.node.get_closest_marker("partitions")
    partitions = marker.args[0] if marker else DEFAULT_PARTITIONS
    async with existing_topics(stack.kafka_bootstrap_servers, topic_names, partitions=partitions):
        yield topic_names


@pytest.fixture
def llm(stack: Endpoints) -> SimulatedLlmControl:
    """An account of the simulated LLM with its own faults, pace and ledger."""
    return new_account(stack)


@pytest.fixture
def command_env(stack: Endpoints, database_url: str, topic_names: Topics, llm: SimulatedLlmControl) -> dict[str, str]:
    """The whole environment for the command line as a process, in a consumer group of its own; its topics are names."""
    return feed_environment(stack, database_url, topic_names, llm)


@pytest.fixture
def feed_env(command_env: dict[str, str], topics: Topics) -> dict[str, str]:
    """The same with the topics made."""
    return command_env
