"""`python -m tests.chaos.lost_creations [--seeds 100]`: batches whose creation is not answered, one for each seed.

A seed decides whether the answer comes after the client has given up or its connection is reset, whether the provider
makes two batches of the file, and whether it drops metadata. Each seed must come to one batch, or to a second one
that is cancelled, with what it cost booked. The parts are those of a consumer, their loop driven by hand; the client
gives up after half a second in place of 60, and a creation is looked for for `CONFIRM_S` in place of 120.
"""

import asyncio
import logging
import random
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import structlog
from openai import AsyncOpenAI
from rich.console import Console

from consumer import resources
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.chaos.parts import GROUP_ID, consumer_environment
from tests.chaos.servers import running_servers
from tests.support.application import Application, application
from tests.support.batches import batch_cost_usd, enter, files_left, provider_cost_usd, states_of, until_ended

GIVES_UP_S = 0.5
CONFIRM_S = 2.0
REQUESTS = 3
SETTINGS = {"BATCH_MAX_WAIT_S": "0.01", "BATCH_POLL_S": "0.1", "BATCH_CONFIRM_S": f"{CONFIRM_S}"}
BATCHES_OF = """
    SELECT duplicate_of IS NOT NULL AS is_second, state, provider_status, provider_batch_id, create_count
    FROM llm_batches AS batch
    WHERE coalesce(duplicate_of, batch_id) IN (SELECT batch_id FROM llm_batch_lines WHERE overlay_id = ANY($1::uuid[]))
"""
SECONDS_WITH_A_COST = "SELECT count(*) FROM llm_batches WHERE duplicate_of IS NOT NULL AND cost_usd > 0"


@dataclass(frozen=True, slots=True)
class Mishap:
    """What becomes of a creation."""

    is_reset: bool
    is_twice: bool
    drops_metadata: bool
    after_s: float

    @property
    def faults(self) -> list[Mapping[str, object]]:
        """What the simulated provider is told."""
        kinds = {"batch_create_twice": self.is_twice, "batch_drops_metadata": self.drops_metadata}
        kinds["batch_create_reset" if self.is_reset else "batch_create_late"] = True
        return [{"kind": kind, "after_s": self.after_s} for kind, happens in kinds.items() if happens]


def mishap_of(seed: int) -> Mishap:
    """Decide what becomes of a seed's creation."""
    chance = random.Random(seed)
    return Mishap(
        is_reset=chance.random() < 0.5,
        is_twice=chance.random() < 0.3,
        drops_metadata=chance.random() < 0.5,
        after_s=chance.uniform(2, 4) * GIVES_UP_S,
    )


async def tried(running: Application, llm: SimulatedLlmControl, seed: int) -> tuple[Mishap, list[str]]:
    """Have one batch created with a seed's mishap; gives that, and what does not hold."""
    mishap, pool = mishap_of(seed), running.resources.pool
    await llm.set_faults(*mishap.faults)
    before = await _ids_there(llm)
    overlay_ids = await enter(pool, REQUESTS, group_id=GROUP_ID)
    await until_ended(running.app.batches, pool, overlay_ids)
    made = await _ids_there(llm) - before
    return mishap, [
        *(await _wrong_batches(running, overlay_ids, made, wanted=1 + mishap.is_twice)),
        *([] if await states_of(pool, overlay_ids) == {"done": REQUESTS} else ["not all are written"]),
        *([] if await batch_cost_usd(pool) == await provider_cost_usd(llm) else ["what is booked is not the bill"]),
        *(["a file is left"] if await files_left(llm) else []),
    ]


async def _wrong_batches(running: Application, overlay_ids: list[UUID], made: set[str], *, wanted: int) -> list[str]:
    rows = await running.resources.pool.fetch(BATCHES_OF, overlay_ids)
    first = [row for row in rows if not row["is_second"]]
    problems = []
    if len(made) != wanted:
        problems.append(f"{len(made)} batches at the provider, {wanted} wanted")
    if {row["provider_batch_id"] for row in rows} != made:
        problems.append("the provider has a batch that is not known here")
    if [(row["state"], row["create_count"]) for row in first] != [("collected", 1)]:
        problems.append(f"the batch stands so: {[dict(row) for row in first]}")
    return problems


async def _ids_there(llm: SimulatedLlmControl) -> set[str]:
    async with AsyncOpenAI(base_url=llm.base_url, api_key="sk-test", max_retries=0) as client:
        return {batch.id async for batch in client.batches.list(limit=100)}


async def all_seeds(first: int, count: int) -> bool:
    """Try so many seeds; returns whether all holds."""
    say = Console().print
    folder = Path(tempfile.mkdtemp(prefix="lost-creations-"))
    kinds: Counter[str] = Counter()
    failed = 0
    async with running_servers(folder, latency="constant:0.01", seed=first, report=lambda _: None) as servers:
        await servers.llm.set_batch_pace(in_progress_s=0.5)
        with patch.object(resources, "BATCH_TIMEOUT_S", GIVES_UP_S):
            async with application(consumer_environment(servers) | SETTINGS) as running:
                for seed in range(first, first + count):
                    mishap, problems = await tried(running, servers.llm, seed)
                    kinds["reset" if mishap.is_reset else "late"] += 1
                    kinds["made twice"] += mishap.is_twice
                    failed += bool(problems)
                    for problem in problems:
                        say(f"seed {seed}: {problem} ({mishap})", highlight=False, markup=False)
                kinds["second ones with a cost"] = await running.resources.pool.fetchval(SECONDS_WITH_A_COST)
    say(f"{count} seeds, {dict(kinds)}: {failed} do not hold", highlight=False, markup=False)
    return not failed


def main() -> int:
    """Try the seeds; the exit code says whether all holds."""
    parser = ArgumentParser(prog="python -m tests.chaos.lost_creations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return 0 if asyncio.run(all_seeds(options.first, options.seeds)) else 1


if __name__ == "__main__":
    sys.exit(main())
