"""One consumer process for all acceptance tests that need no settings of their own.

Such tests differ by their overlays. They run in the session's event loop, as the process does:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from devstack.endpoints import Endpoints
from tests.support.service import Service, lasting_service

QUICK = {"RETRY_BASE_S": "0.1", "RETRY_MAX_S": "1", "LOG_LEVEL": "debug"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(stack: Endpoints, migrated_template: str) -> AsyncIterator[Service]:
    """A consumer with a database, topics and an LLM account that these tests share."""
    async with lasting_service(stack, migrated_template, QUICK) as service:
        yield service
