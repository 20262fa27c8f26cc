"""One partition against twelve: concurrency must not come from partitions."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bench.backlog import filled_topic, work_off
from bench.program import OURS
from bench.scenario import Aim, Medians, Scenario, Trial, Workshop
from bench.site import constant

LATENCY_S = 0.5
IN_FLIGHT = 200  # 400 events/s: below what a core can do, so that the partitions decide
EVENTS = 8_000
PARTITIONS = (1, 12)


def _label(partitions: int) -> str:
    return f"{partitions} partition{'s' if partitions > 1 else ''}"


@asynccontextmanager
async def _contenders(workshop: Workshop) -> AsyncIterator[Mapping[str, Trial]]:
    async with AsyncExitStack() as stack:
        trials: dict[str, Trial] = {}
        for partitions in PARTITIONS:
            backlog = await stack.enter_async_context(filled_topic(workshop, EVENTS, partitions=partitions))
            trials[_label(partitions)] = partial(
                work_off, workshop, OURS, backlog, latency=constant(LATENCY_S), in_flight=IN_FLIGHT
            )
        yield trials


def _ratio(medians: Medians) -> float:
    one, twelve = (medians[_label(partitions)]["events_per_s"] for partitions in PARTITIONS)
    return one / twelve


ONE_PARTITION = Scenario(
    name="partitions",
    question=f"Does a single partition slow it down ({IN_FLIGHT} in flight, calls of {LATENCY_S} s)?",
    contenders=_contenders,
    aims=(Aim("throughput of one partition, share of twelve's", _ratio, at_least=0.9, at_most=1.1),),
)
