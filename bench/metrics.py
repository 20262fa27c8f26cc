"""CPU of the metrics for one event: `python -m bench.metrics`.

Counts what the way of an event counts, from its record to its published post, as the pipeline does: what belongs to
a poll, to a statement or to a batch of sent records once for so many events.
"""

import time
from decimal import Decimal
from uuid import uuid4

from consumer.llm.completion import Completion
from consumer.telemetry.metrics import Metrics
from repository.llm_models import LlmModel
from repository.spending import Spending
from schemas.forms import Form

EVENTS = 20_000
ROUNDS = 7
TOGETHER = 10  # events of a poll, of a statement and of a batch of sent records
TOPIC = "overlay.completed"
CREATED_TOPIC = "instagram_feed.created"
COMPLETION = Completion(
    content="", refusal=None, finish_reason="stop", raw="{}", usage="{}",
    prompt_tokens=1_431, cached_prompt_tokens=1_024, completion_tokens=212, total_tokens=1_643, latency_ms=2_150.0,
)  # fmt: skip
SPENT = Spending(1_431, 1_024, 212, Decimal("0.000214"))
MODEL = LlmModel(
    llm_model_id=uuid4(), provider="openai", model_name="gpt-6-luna", model_version=None, default_temperature=None,
    default_max_tokens=None, prompt_token_cost_per_1m=None, cached_prompt_token_cost_per_1m=None,
    cache_write_prompt_token_cost_per_1m=None, completion_token_cost_per_1m=None,
    token_limit_parameter="max_tokens",  # noqa: S106 - the name of a parameter
    supports_temperature=True, max_temperature=None, supports_json_schema=True, supports_store=False,
    reasoning_effort=None, shutdown_date=None, description=None, is_active=True,
)  # fmt: skip


def main() -> None:
    """Print the CPU of one event in the fastest round."""
    print(f"{min(_cpu_us() for _ in range(ROUNDS)):.1f} us an event")  # noqa: T201 - its result


def _cpu_us() -> float:
    metrics = Metrics(group_id="instagram-feed")
    consumed, processing = metrics.messaging.consuming(TOPIC), metrics.messaging.processing(TOPIC)
    calls = metrics.llm.calls_of(MODEL)
    metrics.messaging.sending(CREATED_TOPIC)
    sent = [(CREATED_TOPIC, "")] * TOGETHER
    begun = time.process_time()
    for _ in range(EVENTS // TOGETHER):
        consumed.inc(TOGETHER)
        metrics.database.executed("claim", 0.004)
        metrics.messaging.taken_in(claimed=TOGETHER, duplicate=0, invalid=0, ignored=0)
        metrics.messaging.came_as({Form.PLAIN: TOGETHER})
        for _ in range(TOGETHER):
            calls.answered(COMPLETION, 2.15)
            calls.took(SPENT)
            processing.ended(2.16)
            metrics.requests.handled("stored")
            metrics.llm.ended("stored")
            metrics.requests.stored_for("seoul-knits", SPENT.cost_usd)
            metrics.requests.to_created_s.observe(3.2)
        metrics.database.executed("store", 0.012)
        metrics.requests.batch_size.labels("store").observe(TOGETHER)
        metrics.messaging.sent(sent, 0.02)
    return (time.process_time() - begun) / EVENTS * 1e6


if __name__ == "__main__":
    main()
