"""The query that the autoscaler asks: what waits in the ledger, whatever Kafka's lag says."""

import re

from repository.llm_models import LlmModel
from repository.pool import Pool, connection
from repository.requests import postpone
from tests.support.examples import new_request, postponement
from tests.support.kubernetes import FOLDER, manifest, manifests_in
from tests.support.ledger import claim, store_feeds

LATER_S, SOON_S = 3_600.0, 5.0


def backlog_query() -> str:
    scaled_object = manifest(manifests_in(FOLDER / "base/scaled-object.yaml"), "ScaledObject")
    [trigger] = [each for each in scaled_object["spec"]["triggers"] if each["type"] == "postgresql"]
    return str(trigger["metadata"]["query"])


async def test_what_is_claimed_or_due_counts_and_what_is_done_or_due_later_does_not(
    pool: Pool, model: LlmModel
) -> None:
    await store_feeds(pool, model, 4)
    await claim(pool, [new_request() for _ in range(3)])
    soon, later = await claim(pool, [new_request(), new_request()])
    async with connection(pool) as borrowed:
        await postpone(borrowed, [postponement(soon, delay_s=SOON_S), postponement(later, delay_s=LATER_S)])

    assert await pool.fetchval(backlog_query()) == 4


async def test_it_reads_an_index_of_unfinished_requests_alone(pool: Pool) -> None:
    async with connection(pool) as borrowed, borrowed.transaction():
        await borrowed.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await borrowed.fetch(f"EXPLAIN {backlog_query()}"))

    assert re.search(r"idx_feed_requests_(unfinished|available_at|waiting)", plan), plan
