from dataclasses import replace
from uuid import uuid4

from consumer.pipeline.outcome_log import OutcomeLog
from consumer.pipeline.outcomes import Rejected, usage_so_far
from consumer.pipeline.tracing.traces import Traces
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.metrics.requests import MOST_ARMS
from schemas.instagram_feed_created import ExperimentArm
from schemas.quality import QUALITY_RULES, QualityRule
from schemas.reasons import Reason
from tests.support.examples import claimed_request, llm_call


def rejected(arm: ExperimentArm | None) -> Rejected:
    request = claimed_request(arm=arm)
    return Rejected(
        request=request, usage=usage_so_far(request), attempts=1, reason=Reason.LLM_REFUSED, detail="it will not"
    )


def test_refused_answers_are_counted_by_rule_and_every_rule_is_there_from_the_start() -> None:
    metrics = Metrics()
    outcome_log = OutcomeLog(metrics, Traces())
    request = claimed_request()
    usage, call = usage_so_far(request), llm_call(request, uuid4())
    refused_by: list[tuple[QualityRule, ...]] = [("link",), ("link", "phone"), ()]
    for rules in refused_by:
        usage = usage.with_unused(call, refused_by=rules)
    outcome_log.rejected(replace(rejected(None), usage=usage))
    [family] = metrics.requests.quality_refusals.collect()
    figures = {sample.labels["rule"]: sample.value for sample in family.samples if sample.name.endswith("_total")}
    assert {rule: figure for rule, figure in figures.items() if figure} == {"link": 2, "phone": 1}
    assert set(figures) == set(QUALITY_RULES)


def counted(metrics: Metrics) -> dict[tuple[str, str], float]:
    [family] = metrics.requests.of_variants.collect()
    return {
        (sample.labels["experiment"], sample.labels["variant"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_the_figures_of_variants_are_so_many_and_no_more() -> None:
    metrics = Metrics()
    outcome_log = OutcomeLog(metrics, Traces())
    outcome_log.rejected(rejected(None))
    assert counted(metrics) == {}
    for number in range(MOST_ARMS + 7):
        arm = ExperimentArm(experiment_id=uuid4(), name=f"experiment-{number}", variant="b")
        outcome_log.rejected(rejected(arm))
        outcome_log.rejected(rejected(arm))
    figures = counted(metrics)
    assert len(figures) == MOST_ARMS + 1
    assert figures["experiment-0", "b"] == 2
    assert figures["(other)", "(other)"] == 14
