"""`python -m bench.profiling`: the saturated consumer sampled from outside, its time told step by step."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.backlog import filled_topic
from bench.marked_page import NoSection, put_section
from bench.measuring import MS_PER_S, NoWindow
from bench.profiling.chart import bar_chart, table
from bench.profiling.stacks import NoProfile, Stack, busy_stacks, sample_stacks
from bench.profiling.steps import hottest, shares
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
HOTTEST = 20
ENTRY = "run_until_complete"
US_PER_S = 1_000_000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SecondsOption = Annotated[int, typer.Option("--seconds", min=5, help="How long the consumer is sampled.")]
PageOption = Annotated[
    Path | None, typer.Option("--page", help="Markdown page with a section `profile`; the chart goes beside it.")
]


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of an event went. `cpu_s_per_event` was measured while the process was being sampled."""

    stacks: list[Stack]
    events: int
    cpu_s_per_event: float

    def microseconds(self) -> dict[str, float]:
        """CPU time of each step for one event, largest first."""
        return {step: share * self.cpu_s_per_event * US_PER_S for step, share in shares(self.stacks).items()}


@app.command()
def profile(*, seconds: SecondsOption = 30, page: PageOption = None) -> None:
    """Say where the microseconds of one event go, on a broker, a database and a simulated LLM of its own.

    The consumer runs saturated while py-spy looks at its call stacks, C code and the garbage collector included.
    A stack counts for the innermost step of ours that it is in.

    Example: python -m bench.profiling --seconds 30 --page docs/performance.md
    """
    try:
        found = asyncio.run(_measure(seconds))
        _print(found)
        if page:
            _write(found, page)
    except (NoProfile, NoSection, NoWindow, ProgramEnded, StackError) as error:
        typer.echo(f"profile: {error}", err=True)
        raise typer.Exit(1) from None


async def _measure(seconds: int) -> Profile:
    end_on_sigterm()
    async with (
        open_workshop([OURS], window_s=seconds, report=say) as workshop,
        filled_topic(workshop, WARM_UP_EVENTS + EVENTS_PER_S * seconds) as backlog,
    ):
        return await _sampled(workshop, backlog.topic, seconds)


async def _sampled(workshop: Workshop, topic: str, seconds: int) -> Profile:
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
        events, cpu_s = await created.read(), process.cpu_s()
        with tempfile.TemporaryDirectory() as folder:
            stacks = await sample_stacks(process.pid, seconds=seconds, raw=Path(folder) / "stacks.raw")
        events, cpu_s = await created.read() - events, process.cpu_s() - cpu_s
    if not events:
        raise NoWindow("nothing was completed while sampling")
    return Profile(busy_stacks(stacks, entry=ENTRY), events, cpu_s / events)


def _print(profile: Profile) -> None:
    console = Console()
    steps = Table("step", title=f"{profile.cpu_s_per_event * MS_PER_S:.2f} ms of CPU per event")
    steps.add_column("µs per event", justify="right")
    steps.add_column("share", justify="right")
    for step, microseconds in profile.microseconds().items():
        steps.add_row(step, f"{microseconds:.0f}", f"{microseconds / profile.cpu_s_per_event / US_PER_S:.0%}")
    console.print(steps)
    lines = Table("hottest lines, with what they call outside Python", "share", box=None)
    for line, share in hottest(profile.stacks, limit=HOTTEST):
        lines.add_row(line, f"{share:.1%}")
    console.print(lines)


def _write(profile: Profile, page: Path) -> None:
    title = f"One event: {profile.cpu_s_per_event * MS_PER_S:.2f} ms of CPU in the consumer"
    picture = page.with_name("profile.svg")
    picture.write_text(bar_chart(title, profile.microseconds()))
    samples = sum(stack.samples for stack in profile.stacks)
    told = f"{title}, from {samples:,} samples over {profile.events:,} events."
    put_section(page, "profile", f"![{title}]({picture.name})\n\n{told}\n\n{table(profile.microseconds())}")


if __name__ == "__main__":
    app()
