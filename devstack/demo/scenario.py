"""The scenario of the demo: stack, schema, topics, events, consumer, and then the evidence."""

import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic

from rich.console import Console

from consumer.settings import LlmSettings
from devstack.demo.checks import check_all
from devstack.demo.evidence import Evidence, gather_evidence
from devstack.demo.processes import Consumer, Progress, clean_environment, run_command, running_consumer
from devstack.demo.samples import EVENTS_FILE, SampleEvents, read_sample_events
from devstack.demo.views import print_checks, print_evidence
from devstack.endpoints import Endpoints
from devstack.env_file import SOURCED_FROM, folder_of, require_ours, write_env_file
from devstack.errors import DemoFailed
from devstack.plan import VARIABLES
from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.stack import local_stack, start_stack, supervisor_of

WIDTH = 100
KEPT_ENV_FILE = Path(".env.demo")
SIMULATED_LATENCY = "lognormal:0.6:0.3"
DEADLINE_S = 300.0
OPENAI_BASE_URL: str = LlmSettings.model_fields["openai_base_url"].default

NEXT = """
Next: the README shows the same step by step, with `instagram-feed stack up`. With your key in OPENAI_API_KEY,
`instagram-feed demo --real` uses the real model; it asks first."""
KEPT = f"""
The stack still runs. Use it, and end it when you are done:
  set -a; . ./{KEPT_ENV_FILE}; set +a
  instagram-feed feeds list
  instagram-feed stack down --env-file {KEPT_ENV_FILE}"""


async def run_demo(*, real: bool, keep: bool) -> None:
    """Run it all, clean up, and say what to try next.

    Raises:
        StackError: a server cannot be provided or started.
        DemoFailed: a command failed, or what came out is not what should be there.
    """
    # what aiokafka logs while a broker starts or stops is no news here
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    screen = Console(width=WIDTH, highlight=False, markup=False)
    screen.print("From overlay.completed to stored Instagram posts, on a local stack of its own\n")
    samples = read_sample_events()
    # in an empty folder no .env of the user's steers the commands
    with tempfile.TemporaryDirectory(prefix="instagram-feed-demo-") as folder:
        async with _stack(screen, real=real, keep=keep) as endpoints:
            env = clean_environment(endpoints, real=real)
            await _prepare(screen, endpoints, samples, env, Path(folder))
            progress = await _consume(screen, samples, env, Path(folder))
            evidence = await gather_evidence(endpoints, progress)
            _judge(screen, evidence, samples)
    screen.print(KEPT if keep else NEXT, soft_wrap=True)


@contextmanager
def _step(screen: Console, title: str) -> Iterator[list[str]]:
    """Print the title with its time and the results that the block has added, once the block has succeeded."""
    began, results = monotonic(), list[str]()
    yield results
    screen.print(f"✓ {monotonic() - began:4.1f} s  {title:<31}  {', '.join(results)}", soft_wrap=True)


@asynccontextmanager
async def _stack(screen: Console, *, real: bool, keep: bool) -> AsyncIterator[Endpoints]:
    """Run a stack for the time of a block: always one of its own, so that no server that matters is touched."""
    environ = stack_environment(os.environ, real=real)
    async with AsyncExitStack() as closing:
        with _step(screen, "local stack") as results:
            if keep:
                endpoints = await _kept_stack(environ, screen)
            else:
                endpoints = await closing.enter_async_context(local_stack(environ=environ, report=screen.print))
            results.append(", ".join(f"{name} ({kind})" for name, kind in endpoints.kinds.items()))
        yield endpoints


async def _kept_stack(environ: Mapping[str, str], screen: Console) -> Endpoints:
    folder = folder_of(KEPT_ENV_FILE)
    if supervisor_of(folder) is not None:
        down = f"instagram-feed stack down --env-file {KEPT_ENV_FILE}"
        raise DemoFailed(f"the stack of an earlier demo still runs; end it with `{down}`")
    require_ours(KEPT_ENV_FILE)
    endpoints = await start_stack(folder, environ=environ, report=screen.print)
    write_env_file(KEPT_ENV_FILE, {**endpoints.environment(), SOURCED_FROM: str(folder.resolve())})
    return endpoints


def stack_environment(environ: Mapping[str, str], *, real: bool) -> dict[str, str]:
    """Drop the servers that the environment names; the real API's address is kept where it is wanted."""
    others = {name: value for name, value in environ.items() if name not in VARIABLES.values()}
    return others | {"OPENAI_BASE_URL": environ.get("OPENAI_BASE_URL") or OPENAI_BASE_URL} if real else others


async def _prepare(
    screen: Console, endpoints: Endpoints, samples: SampleEvents, env: Mapping[str, str], folder: Path
) -> None:
    with _step(screen, "instagram-feed migrate") as results:
        results.append(await run_command("migrate", env=env, folder=folder))
    with _step(screen, "instagram-feed topics create") as results:
        answer = await run_command("topics", "create", "--json", env=env, folder=folder)
        results.append(f"{len(answer['topics'])} topics")
    if endpoints.simulated_llm_url is not None:
        # it thinks for a moment, and breaks a rule in its first answer for one overlay
        llm = SimulatedLlmControl(endpoints.simulated_llm_url)
        await llm.set_latency(SIMULATED_LATENCY)
        await llm.set_faults({"kind": "many_mentions", "match": str(samples.overlays[0]), "attempts": [1]})


async def _consume(screen: Console, samples: SampleEvents, env: Mapping[str, str], folder: Path) -> Progress:
    """Produce and consume at once: the consumer starts while the events are sent."""
    async with running_consumer(env, folder) as consumer:
        with _step(screen, f"instagram-feed produce {EVENTS_FILE.parent.name}/{EVENTS_FILE.name}") as results:
            sent = await run_command("produce", str(EVENTS_FILE), "--json", env=env, folder=folder)
            results.append(f"{sent['sent']} events")
            results.append(f"{samples.duplicates} duplicates, {len(samples.malformed)} malformed")
        with _step(screen, "instagram-feed run") as results:
            progress = await consumer.until_done(len(samples.lines), deadline_s=DEADLINE_S)
            results.append(f"{progress.stored} posts stored, {progress.published} events published")
        await _stop(screen, consumer)
    return progress


async def _stop(screen: Console, consumer: Consumer) -> None:
    with _step(screen, "kill -TERM of the consumer") as results:
        exit_code = await consumer.stop()
        results.append(f"exit code {exit_code}")
    if exit_code != 0:
        raise DemoFailed(f"the consumer ended with exit code {exit_code}")


def _judge(screen: Console, evidence: Evidence, samples: SampleEvents) -> None:
    checks = check_all(evidence, samples)
    print_evidence(screen, evidence)
    print_checks(screen, checks)
    if failed := [check.claim for check in checks if not check.holds]:
        raise DemoFailed(f"not so: {'; '.join(failed)}")
