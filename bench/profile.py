"""`python -m bench.profile`: a flame graph of the saturated consumer, by py-spy."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.backlog import filled_topic
from bench.program import OURS, ProgramEnded, running
from bench.progress import end_on_sigterm, say
from bench.scenario import Workshop
from bench.scenarios.saturated import IN_FLIGHT, LATENCY_S
from bench.session import open_workshop
from bench.site import constant, fresh_site
from bench.topics import RecordCount
from devstack.errors import StackError

EVENTS_PER_S = 2_000  # more than any run has done, so that the backlog lasts
WARM_UP_EVENTS = 2_000
POLL_S = 0.2
SAMPLES_PER_S = 50  # each sample stops the process for a moment; at this rate its pace stays what it is

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SecondsOption = Annotated[int, typer.Option("--seconds", min=5, help="How long the consumer is sampled.")]
OutputOption = Annotated[Path, typer.Option("--output", help="The flame graph; with .json a file for speedscope.app.")]


class NoProfile(Exception):
    """The process could not be sampled; the message says why and what to do."""


@app.command()
def profile(*, seconds: SecondsOption = 30, output: OutputOption = Path("profile.svg")) -> None:
    """Sample the consumer under load, C code included, on a broker, a database and a simulated LLM of its own.

    Example: python -m bench.profile --seconds 30 --output profile.svg
    """
    try:
        asyncio.run(_profile(seconds, output))
    except (NoProfile, ProgramEnded, StackError) as error:
        typer.echo(f"profile: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"wrote {output}")


async def _profile(seconds: int, output: Path) -> None:
    end_on_sigterm()
    async with (
        open_workshop([OURS], window_s=seconds, report=say) as workshop,
        filled_topic(workshop, WARM_UP_EVENTS + EVENTS_PER_S * seconds) as backlog,
    ):
        await _sample_saturated(workshop, backlog.topic, seconds, output)


async def _sample_saturated(workshop: Workshop, topic: str, seconds: int, output: Path) -> None:
    async with (
        fresh_site(
            workshop.servers,
            template=workshop.template,
            incoming_topic=topic,
            llm_latency=constant(LATENCY_S),
            max_in_flight=IN_FLIGHT,
        ) as site,
        RecordCount(site.bootstrap_servers, site.created_topic) as created,
        running(OURS, site.environment, workshop.output_of(OURS.name)) as process,
    ):
        while await created.read() < WARM_UP_EVENTS:
            process.require_running()
            await asyncio.sleep(POLL_S)
        say(f"sampling for {seconds} s")
        await _record(process.pid, seconds, output)


async def _record(pid: int, seconds: int, output: Path) -> None:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise NoProfile("py-spy is missing: pip install 'instagram-feed-consumer[dev]'")
    form = "speedscope" if output.suffix == ".json" else "flamegraph"
    options = [f"--rate={SAMPLES_PER_S}", f"--duration={seconds}", "--native", f"--format={form}", f"--output={output}"]
    sampler = await asyncio.create_subprocess_exec(
        program, "record", f"--pid={pid}", *options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, said = await sampler.communicate()
    finally:
        if sampler.returncode is None:
            sampler.kill()
    if sampler.returncode != 0:
        raise NoProfile(f"py-spy cannot sample the consumer (it may need root or ptrace rights): {said.decode()}")


if __name__ == "__main__":
    app()
