"""What the metrics of a model count of the calls that a conversation makes: each once, at the price that is billed."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from consumer.llm.completion import Completion
from consumer.llm.errors import CallFailed, LlmError, RateLimited
from consumer.llm.usage import Tokens
from consumer.pipeline.conversation_end import Agreed, Interrupted
from consumer.telemetry.metrics import Metrics
from repository.spending import NOTHING_SPENT, Spending
from tests.support.examples import claimed_request
from tests.unit.pipeline.test_conversation import (
    MODEL,
    NO_POST,
    PRICE_USD,
    ScriptedWriter,
    answered,
    conversation,
    unreadable,
)

MODEL_LABELS = {"gen_ai_provider_name": MODEL.provider, "gen_ai_request_model": MODEL.model_name}


class Counted:
    """Metrics, and what they say of one model."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.watch = self.metrics.llm.calls_of(MODEL)

    def cost_usd(self, delivery: str = "live") -> float | None:
        """What its calls cost."""
        labels = {**MODEL_LABELS, "experiment": "", "variant": "", "delivery": delivery}
        return self.metrics.registry.get_sample_value("instagram_feed_llm_cost_usd_total", labels)

    @property
    def without_cost(self) -> float | None:
        """How many of them may have been billed, nobody knows with what."""
        return self.metrics.registry.get_sample_value("instagram_feed_llm_calls_without_cost_total", MODEL_LABELS)

    def tokens(self, kind: str, figure: str) -> float | None:
        """The count or the sum of its tokens of a type."""
        labels = {**MODEL_LABELS, "gen_ai_operation_name": "chat", "gen_ai_token_type": kind}
        return self.metrics.registry.get_sample_value(f"gen_ai_client_token_usage_{figure}", labels)

    def ended(self, error_type: str = "") -> float | None:
        """How many ended so."""
        labels = {**MODEL_LABELS, "gen_ai_operation_name": "chat", "error_type": error_type}
        return self.metrics.registry.get_sample_value("gen_ai_client_operation_duration_seconds_count", labels)


async def test_each_answer_of_a_conversation_is_counted_once() -> None:
    counted = Counted()
    end = await conversation(ScriptedWriter(NO_POST, answered()), claimed_request(), watch=counted.watch).hold()
    assert isinstance(end, Agreed)
    assert (counted.ended(), counted.without_cost) == (2, 0)
    assert counted.cost_usd() == pytest.approx(float(2 * PRICE_USD))


async def test_a_call_at_the_flex_tier_is_counted_at_the_price_of_that_tier() -> None:
    counted = Counted()
    served_at_flex = replace(answered(), service_tier="flex")
    end = await conversation(ScriptedWriter(served_at_flex), claimed_request(), watch=counted.watch).hold()
    assert isinstance(end, Agreed)
    assert end.usage.spent.cost_usd == PRICE_USD / 2
    assert (end.answer.call.delivery, end.answer.spent.cost_usd) == ("flex", PRICE_USD / 2)
    assert counted.cost_usd("live") == 0
    assert counted.cost_usd("flex") == pytest.approx(float(PRICE_USD / 2))


@pytest.mark.parametrize(
    ("brought", "cost_usd", "without_cost"),
    [
        (answered(usage=None), Decimal(0), 1),
        (CallFailed("no answer", maybe_billed=True), Decimal(0), 1),
        (CallFailed("refused", maybe_billed=False), Decimal(0), 0),
        (RateLimited("slower", retry_after_s=1.0), Decimal(0), 0),
        (unreadable(Tokens(prompt=500, cached_prompt=0, completion=200)), PRICE_USD, 0),
        (ZeroDivisionError("a defect"), Decimal(0), 1),
    ],
    ids=["no usage", "no answer", "no connection", "rate limited", "unreadable", "defect"],
)
async def test_what_is_not_known_of_a_call_is_not_counted_as_free(
    brought: Completion | LlmError | Exception, cost_usd: Decimal, without_cost: int
) -> None:
    counted = Counted()
    await conversation(ScriptedWriter(brought), claimed_request(), watch=counted.watch).hold()
    assert counted.cost_usd() == pytest.approx(float(cost_usd))
    assert counted.without_cost == without_cost


async def test_a_call_that_is_left_at_the_end_of_the_process_may_have_cost_something() -> None:
    counted, writer = Counted(), ScriptedWriter(None)
    task = asyncio.create_task(conversation(writer, claimed_request(), watch=counted.watch).hold())
    await writer.begun.wait()
    task.cancel()
    assert isinstance(await task, Interrupted)
    assert (counted.cost_usd(), counted.without_cost) == (0, 1)


def test_tokens_of_lines_of_a_batch_are_counted_and_its_cost_apart() -> None:
    counted = Counted()
    lines = [Spending(500, 100, 200, PRICE_USD / 2), Spending(300, 0, 40, PRICE_USD / 2), NOTHING_SPENT]
    counted.metrics.llm.batched(MODEL, [*lines, Spending(None, None, None, None)], float(PRICE_USD))
    assert (counted.tokens("input", "count"), counted.tokens("input", "sum")) == (2, 800)
    assert (counted.tokens("output", "count"), counted.tokens("output", "sum")) == (2, 240)
    assert counted.cost_usd("live") == 0
    assert counted.cost_usd("batch") == pytest.approx(float(PRICE_USD))
    cached = counted.metrics.registry.get_sample_value("instagram_feed_llm_cached_tokens_total", MODEL_LABELS)
    assert cached == 100
