"""The course of the demo: stack, schema, topics, events, consumer, and then the evidence."""

import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import typer
from rich.text import Text

from devstack.demo.budget import estimated_cost_usd
from devstack.demo.checks import check_all
from devstack.demo.closing import closing_words
from devstack.demo.commands import clean_environment, consumer, run_command
from devstack.demo.errors import DemoFailed
from devstack.demo.events import EVENTS_FILE, SampleEvents, read_sample_events
from devstack.demo.evidence import Evidence, gather_evidence
from devstack.demo.screen import Screen
from devstack.demo.views import checks_view, result_view
from devstack.demo.watching import Progress, until_complete
from devstack.demo.wishes import Wishes
from devstack.demo.world import demo_stack
from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl

SIMULATED_LATENCY = "lognormal:0.6:0.3"
MAX_IN_FLIGHT = 4  # few enough that one sees the posts come in
SIMULATED_DEADLINE_S = 120.0
REAL_DEADLINE_S = 300.0


class Stage(NamedTuple):
    """What every part of the course needs; commands run in `folder` with `env`."""

    screen: Screen
    samples: SampleEvents
    endpoints: Endpoints
    env: Mapping[str, str]
    folder: Path


async def run_demo(screen: Screen, wishes: Wishes) -> None:
    """Run it all, clean up, and say what to try next.

    Raises:
        StackError: a server cannot be provided or started.
        DemoFailed: a command failed, or what came out is not what should be there.
    """
    # what aiokafka logs while a broker starts or stops is no news here
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # in an empty folder no .env of the user's steers the commands
    with tempfile.TemporaryDirectory(prefix="instagram-feed-demo-") as folder:
        async with demo_stack(wishes, screen) as endpoints:
            env = clean_environment(endpoints, _own_settings(wishes))
            await _perform(Stage(screen, read_sample_events(), endpoints, env, Path(folder)), wishes)
    for words in closing_words(wishes, os.environ):
        screen.console.print(Text.from_markup(f"\n{words}"), soft_wrap=True)


def _own_settings(wishes: Wishes) -> dict[str, str]:
    own = {"MAX_IN_FLIGHT": str(MAX_IN_FLIGHT), "OPS_PORT": "0", "LOG_FORMAT": "json"}
    chosen_model = os.environ.get("LLM_MODEL")
    return own | {"LLM_MODEL": chosen_model} if wishes.real and chosen_model else own


async def _perform(stage: Stage, wishes: Wishes) -> None:
    await _prepare(stage)
    if wishes.real and not wishes.confirmed:
        await _ask_to_spend(stage)
    progress = await _consume(stage)
    evidence = await gather_evidence(stage.endpoints, progress)
    for part in result_view(evidence):
        stage.screen.console.print(part)
    _judge(stage, evidence)


async def _prepare(stage: Stage) -> None:
    with stage.screen.step("instagram-feed migrate") as step:
        step.result = await run_command("migrate", env=stage.env, folder=stage.folder)
    with stage.screen.step("instagram-feed topics create") as step:
        answer = await run_command("topics", "create", "--json", env=stage.env, folder=stage.folder)
        step.result = f"{len(answer['topics'])} topics"
    if stage.endpoints.simulated_llm_url is not None:
        await _set_simulated_llm(stage, stage.endpoints.simulated_llm_url)


async def _set_simulated_llm(stage: Stage, url: str) -> None:
    """Have it think for a moment, and break a rule in its first answer for one overlay."""
    llm = SimulatedLlmControl(url)
    await llm.set_latency(SIMULATED_LATENCY)
    await llm.set_faults({"kind": "many_mentions", "match": str(stage.samples.overlays[0]), "attempts": [1]})


async def _ask_to_spend(stage: Stage) -> None:
    posts, model = len(stage.samples.overlays), stage.env["LLM_MODEL"]
    cost_usd = await estimated_cost_usd(stage.endpoints.database_url, model, posts=posts)
    question = f"{model} at {stage.endpoints.openai_base_url} writes {posts} posts for about USD {cost_usd:.4f}. Go on?"
    if not typer.confirm(question):
        raise DemoFailed("nothing was spent")


async def _consume(stage: Stage) -> Progress:
    """Produce and consume at once: the consumer starts while the events are sent."""
    samples = stage.samples
    async with consumer(stage.env, stage.folder) as running:
        with stage.screen.step(f"instagram-feed produce {EVENTS_FILE.parent.name}/{EVENTS_FILE.name}") as step:
            sent = await run_command("produce", str(EVENTS_FILE), "--json", env=stage.env, folder=stage.folder)
            step.result = f"{sent['sent']} events: {samples.duplicates} duplicates, {len(samples.malformed)} malformed"
        real = stage.endpoints.simulated_llm_url is None
        with stage.screen.bars("instagram-feed run", len(samples.lines), len(samples.overlays)) as bars:
            progress = await until_complete(
                running,
                len(samples.lines),
                lambda now: bars(now.taken_in, now.stored, now.published),
                deadline_s=REAL_DEADLINE_S if real else SIMULATED_DEADLINE_S,
            )
        with stage.screen.step("kill -TERM, and the consumer leaves its group") as step:
            exit_code = await running.stop()
            step.result = f"exit code {exit_code}"
    if exit_code != 0:
        raise DemoFailed(f"the consumer ended with exit code {exit_code}")
    return progress


def _judge(stage: Stage, evidence: Evidence) -> None:
    checks = check_all(evidence, stage.samples)
    stage.screen.console.print(checks_view(checks))
    stage.screen.console.print()
    if failed := [check.claim for check in checks if not check.holds]:
        raise DemoFailed(f"not so: {'; '.join(failed)}")
