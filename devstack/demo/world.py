"""The stack of the demo: always one of its own, so that it never touches servers that matter."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from consumer.settings import LlmSettings
from devstack.demo.errors import DemoFailed
from devstack.demo.screen import Screen
from devstack.demo.wishes import KEPT_ENV_FILE, Wishes
from devstack.endpoints import Endpoints
from devstack.env_file import SOURCED_FROM, folder_of, require_ours, write_env_file
from devstack.plan import VARIABLES
from devstack.report import Report
from devstack.stack import local_stack, start_stack, supervisor_of

OPENAI_BASE_URL: str = LlmSettings.model_fields["openai_base_url"].default


@asynccontextmanager
async def demo_stack(wishes: Wishes, screen: Screen) -> AsyncIterator[Endpoints]:
    """The stack for the time of a block, told as two steps; with `keep` it stays.

    Raises:
        StackError: a server cannot be provided or started.
        DemoFailed: a stack kept by an earlier demo still runs.
    """
    environ = stack_environment(os.environ, real=wishes.real)
    async with AsyncExitStack() as closing:
        with screen.step("local stack") as step:
            if wishes.keep:
                endpoints = await _kept_stack(environ, step.report)
            else:
                endpoints = await closing.enter_async_context(local_stack(environ=environ, report=step.report))
            step.result = ", ".join(f"{name} ({kind})" for name, kind in endpoints.kinds.items())
        yield endpoints
        if not wishes.keep:
            with screen.step("stack stopped, its data removed"):
                await closing.aclose()


async def _kept_stack(environ: Mapping[str, str], report: Report) -> Endpoints:
    folder = folder_of(KEPT_ENV_FILE)
    if supervisor_of(folder) is not None:
        raise DemoFailed(
            "the stack of an earlier demo still runs; end it with "
            f"`instagram-feed stack down --env-file {KEPT_ENV_FILE}`"
        )
    require_ours(KEPT_ENV_FILE)
    endpoints = await start_stack(folder, environ=environ, report=report)
    write_env_file(KEPT_ENV_FILE, {**endpoints.environment(), SOURCED_FROM: str(folder.resolve())})
    return endpoints


def stack_environment(environ: Mapping[str, str], *, real: bool) -> dict[str, str]:
    """The environment without the servers it names; the real API's address is kept where it is wanted."""
    others = {name: value for name, value in environ.items() if name not in VARIABLES.values()}
    return others | {"OPENAI_BASE_URL": environ.get("OPENAI_BASE_URL") or OPENAI_BASE_URL} if real else others
