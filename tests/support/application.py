"""The application put together by its own composition root, with its loops driven by hand."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consumer.app import App, assemble
from consumer.resources import Resources, open_resources
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Application:
    """The parts, what they run on, and what they count."""

    app: App
    resources: Resources
    metrics: Metrics

    async def take_in(self) -> int:
        """Go one round of what the intake needs: lease, read and give back what is to be, and take in a poll."""
        await self.app.share.run_once()
        return await self.app.intake.run_once()

    async def finish(self) -> None:
        """Let all that is in flight end and be stored."""
        storing = asyncio.create_task(self.app.outcome_store.run())
        await self.app.in_flight.until_empty()
        storing.cancel()


@asynccontextmanager
async def application(env: Mapping[str, str], **changes: str) -> AsyncIterator[Application]:
    """All parts, as a process of its own; nothing runs but what is called.

    `env` is a whole environment, `changes` are settings that replace those in it.
    """
    given = {name.lower(): value for name, value in {**env, **changes}.items()}
    settings = Settings.model_validate({name: given[name] for name in Settings.model_fields if name in given})
    metrics = Metrics()
    async with open_resources(settings) as resources, asyncio.TaskGroup() as tasks:
        app = assemble(settings, resources, metrics, tasks)
        try:
            yield Application(app, resources, metrics)
        finally:
            await app.dispatcher.cancel()
            await app.share.leave()
