"""What is exposed: names as documented, few labels, and what waits is told of only while it is known."""

from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from consumer.operations.metrics_reference import PAGE, exposed_names, page
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.metrics.bounded import OTHER, Bounded
from consumer.telemetry.metrics.ledger import STALE_AFTER_S, LedgerFigures, LedgerMetrics
from consumer.telemetry.metrics.live_gauge import LiveGauge
from schemas.reasons import Reason

ROOT = Path(__file__).parents[3]


def test_the_page_of_metrics_is_what_the_program_exposes() -> None:
    assert (ROOT / PAGE).read_text() == page(), "python -m consumer.operations.metrics_reference writes it"


def test_names_are_the_conventions_or_ours() -> None:
    ours = ("messaging_", "gen_ai_", "db_client_", "instagram_feed_")
    assert [name for name in exposed_names(Metrics()) if not name.startswith(ours)] == []


def test_every_reason_has_its_series_from_the_start() -> None:
    metrics = Metrics()
    labels = {"outcome": "rejected", "reason": Reason.LLM_REFUSED}
    name = "instagram_feed_requests_handled_total"
    assert metrics.registry.get_sample_value(name, labels) == 0
    metrics.requests.handled("rejected", Reason.LLM_REFUSED)
    assert metrics.registry.get_sample_value(name, labels) == 1


def test_labels_that_others_choose_are_so_many_and_no_more() -> None:
    bounded = Bounded(2)
    assert [bounded(name, "b") for name in ("x", "y", "z", "x")] == [("x", "b"), ("y", "b"), (OTHER, OTHER), ("x", "b")]


def test_tenants_have_figures_only_where_that_is_wanted() -> None:
    for tenants, expected in ((0, []), (1, ["tea", OTHER])):
        metrics = Metrics(tenants=tenants)
        for tenant_id in ("tea", "bread"):
            metrics.requests.stored_for(tenant_id, None)
        name = "instagram_feed_tenant_posts_total"
        found = [metrics.registry.get_sample_value(name, {"tenant_id": one}) for one in expected]
        assert found == [1.0] * len(expected)
        assert ("tea" in generate_latest(metrics.registry).decode()) is bool(tenants)


def test_what_the_ledger_has_grows_older_and_is_gone_when_it_is_stale_or_another_process_counts() -> None:
    now_s = [0.0]
    registry = CollectorRegistry()
    ledger = LedgerMetrics(registry, clock=lambda: now_s[-1])
    name, waiting = "instagram_feed_requests_oldest_age_seconds", {"state": "waiting"}
    assert registry.get_sample_value(name, waiting) is None
    figures = LedgerFigures(requests={("waiting", "llm_unavailable"): 20}, oldest_age_s={"waiting": 30.0})
    ledger.show(figures)
    now_s.append(5.0)
    assert registry.get_sample_value(name, waiting) == 35.0
    labels = {"state": "waiting", "reason": "llm_unavailable"}
    assert registry.get_sample_value("instagram_feed_requests", labels) == 20
    assert registry.get_sample_value(name, {"state": "held"}) == 0
    now_s.append(STALE_AFTER_S + 1)
    assert registry.get_sample_value(name, waiting) is None
    ledger.show(figures)
    ledger.clear()
    assert registry.get_sample_value(name, waiting) is None


def test_a_partition_that_is_given_back_has_no_figure_any_more() -> None:
    registry = CollectorRegistry()
    lag = {0: 3, 1: 4}
    LiveGauge("lag", "Lag", ["partition"], registry=registry).read_from(
        lambda: [((str(one),), count) for one, count in lag.items()]
    )
    assert registry.get_sample_value("lag", {"partition": "1"}) == 4
    del lag[1]
    assert registry.get_sample_value("lag", {"partition": "1"}) is None
