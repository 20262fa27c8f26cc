"""What one process counts for all: the ledger's work by state and reason, the outbox, and the group's lag."""

from collections.abc import Mapping

import structlog
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from consumer.pipeline.ledger_watch import LedgerWatch
from consumer.telemetry.metrics.ledger import LedgerMetrics
from repository.llm_models import LlmModel
from repository.pool import Pool, connection, open_pool
from repository.requests import postpone
from schemas.reasons import Reason
from tests.support.examples import new_request, postponement
from tests.support.ledger import claim, store_feeds

GROUP_ID = "feeds"
LAG = {0: 3, 1: 0}


class Watched:
    """A watch with its own registry; `lag` is what the broker says, None if it does not answer."""

    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        self.lag: Mapping[int, int] | None = LAG
        self.counts = True
        metrics = LedgerMetrics(self.registry)
        self.watch = LedgerWatch(pool, metrics, self._group_lag, group_id=GROUP_ID, counts=lambda: self.counts)

    async def _group_lag(self) -> Mapping[int, int]:
        if self.lag is None:
            raise KafkaConnectionError
        return self.lag

    def requests(self, state: str, reason: str = "") -> float | None:
        """How many are exposed."""
        return self.registry.get_sample_value("instagram_feed_requests", {"state": state, "reason": reason})

    def oldest_age_s(self, state: str) -> float:
        """The age of the oldest as exposed."""
        age_s = self.registry.get_sample_value("instagram_feed_requests_oldest_age_seconds", {"state": state})
        assert age_s is not None
        return age_s

    def outbox(self, figure: str) -> float | None:
        """A figure of the outbox as exposed."""
        return self.registry.get_sample_value(f"instagram_feed_outbox_{figure}")


async def test_work_of_the_group_is_counted_by_state_and_reason_with_the_age_of_its_oldest(
    pool: Pool, model: LlmModel
) -> None:
    await store_feeds(pool, model, 2)
    [first, second, *_] = await claim(pool, [new_request() for _ in range(5)])
    async with connection(pool) as borrowed:
        await postpone(borrowed, [postponement(one, reason=Reason.LLM_UNAVAILABLE) for one in (first, second)])
    await pool.execute(
        "UPDATE feed_requests SET created_at = created_at - interval '1 hour' WHERE overlay_id = $1", first.overlay_id
    )
    [foreign] = await claim(pool, [new_request()])
    await pool.execute("UPDATE feed_requests SET group_id = 'others' WHERE overlay_id = $1", foreign.overlay_id)

    watched = Watched(pool)
    assert await watched.watch.run_once()
    assert (watched.requests("claimed"), watched.requests("waiting", Reason.LLM_UNAVAILABLE)) == (3, 2)
    assert (watched.requests("waiting"), watched.requests("held"), watched.requests("batched")) == (0, 0, 0)
    assert watched.requests("done") is None
    assert 3_600 <= watched.oldest_age_s("waiting") < 3_660
    assert 0 <= watched.oldest_age_s("claimed") < 60
    assert watched.oldest_age_s("held") == 0
    assert watched.watch.lag == LAG


async def test_events_that_are_not_published_are_counted_with_the_age_of_the_oldest(
    pool: Pool, model: LlmModel
) -> None:
    watched = Watched(pool)
    await watched.watch.run_once()
    assert (watched.outbox("events"), watched.outbox("oldest_age_seconds")) == (0, 0)
    await store_feeds(pool, model, 3)
    await pool.execute("UPDATE outbox_events SET created_at = created_at - interval '10 minutes'")
    await watched.watch.run_once()
    assert watched.outbox("events") == 3
    assert 600 <= (watched.outbox("oldest_age_seconds") or 0) < 660


async def test_who_does_not_count_any_more_exposes_none_of_it(pool: Pool) -> None:
    watched = Watched(pool)
    await watched.watch.run_once()
    assert watched.requests("waiting") == 0
    watched.counts = False
    assert not await watched.watch.run_once()
    assert (watched.requests("waiting"), watched.outbox("events"), watched.watch.lag) == (None, None, {})


async def test_a_broker_that_does_not_answer_takes_the_lag_away_and_nothing_else(pool: Pool) -> None:
    watched = Watched(pool)
    await watched.watch.run_once()
    watched.lag = None
    with structlog.testing.capture_logs() as logs:
        await watched.watch.run_once()
    assert [line["event"] for line in logs] == ["lag.not_counted"]
    assert (watched.watch.lag, watched.requests("waiting")) == ({}, 0)


async def test_a_database_that_does_not_answer_takes_nothing_of_kafka_s_away(module_database_url: str) -> None:
    pool = await open_pool(module_database_url, size=1, application_name="tests")
    watched = Watched(pool)
    await watched.watch.run_once()
    await pool.close()
    watched.lag = {0: 9}
    with structlog.testing.capture_logs() as logs:
        await watched.watch.run_once()
    assert [line["event"] for line in logs] == ["ledger.not_counted"]
    assert (watched.watch.lag, watched.requests("waiting")) == ({0: 9}, 0)
