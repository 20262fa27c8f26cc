"""A schema registry with as much of Confluent's API as serializers use; or the real one that the environment names.

`TEST_SCHEMA_REGISTRY_URL=http://localhost:8080/apis/ccompat/v7` has the tests use Apicurio's, for one.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

REAL_REGISTRY = os.environ.get("TEST_SCHEMA_REGISTRY_URL")


@dataclass(slots=True)
class _Registered:
    """All schemas by their ids, which begin at 1, and the ids of each subject's versions."""

    schemas: list[str] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)

    def register(self, subject: str, schema: str) -> int:
        """Give the id of a schema; the same schema has the same one everywhere."""
        if schema not in self.schemas:
            self.schemas.append(schema)
        schema_id = self.schemas.index(schema) + 1
        versions = self.subjects.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id


@asynccontextmanager
async def schema_registry() -> AsyncIterator[str]:
    """The URL of a registry, empty unless it is the environment's."""
    if REAL_REGISTRY:
        yield REAL_REGISTRY
        return
    registered = _Registered()

    async def register(request: web.Request) -> web.Response:
        asked = await request.json()
        json.loads(asked["schema"])
        return web.json_response({"id": registered.register(request.match_info["subject"], asked["schema"])})

    async def by_id(request: web.Request) -> web.Response:
        schema = registered.schemas[int(request.match_info["id"]) - 1]
        return web.json_response({"schemaType": "JSON", "schema": schema})

    async def subjects(_request: web.Request) -> web.Response:
        return web.json_response(sorted(registered.subjects))

    application = web.Application()
    application.router.add_post("/subjects/{subject}/versions", register)
    application.router.add_get("/schemas/ids/{id}", by_id)
    application.router.add_get("/subjects", subjects)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
