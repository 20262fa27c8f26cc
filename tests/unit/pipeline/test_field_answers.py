"""Answers as models and gateways really give them, from the call to the outcome."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from consumer.llm.breaker import Breaker
from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.completion_reader import read_completion
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.pipeline.faults.fault_finder import FaultFinder
from consumer.pipeline.outcomes import Outcome, Rejected, Work, Written
from consumer.pipeline.retry import RetryPolicy
from consumer.pipeline.worker import Worker
from consumer.pipeline.writing_plans import WritingPlan
from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import QualityGate
from consumer.post.quality.rules import rules
from tests.support.budgets import no_budgets
from tests.support.examples import claimed_request, llm_model, overlay_completed
from tests.support.quality import context

ANSWERS = Path(__file__).parents[2] / "fixtures" / "field" / "answers.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)
EDITOR = Editor(QualityGate(rules(language="ko", our_texts=TEMPLATE.static_texts)), max_hashtags=5, max_mentions=3)


class Scripted:
    """A writer that gives one answer again and again, as a provider would send it."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.model = llm_model()
        self.temperature = None
        self.max_tokens = 1_000
        self.asked: list[tuple[Messages, int]] = []
        choice = {"index": 0, "message": case["message"], "finish_reason": case["finish_reason"]}
        self._body = json.dumps({"choices": [choice], "usage": case["usage"]}).encode()

    async def write(self, messages: Messages, *, max_tokens: int, call_id: CallId, **_: bool) -> Completion:  # noqa: ARG002
        """Make one call."""
        self.asked.append((messages, max_tokens))
        return read_completion(self._body, latency_ms=1.0)


async def handled(case: dict[str, Any]) -> tuple[Scripted, Outcome]:
    """One request handled by a model that answers like this."""
    writer = Scripted(case)
    failover = Failover(Provider(cast("Writer", writer), RateLimiter(), Breaker(probe_deadline_s=60)))
    worker = Worker(
        lambda _: WritingPlan(failover, TEMPLATE, EDITOR),
        lambda _: True,
        lambda _: context(),
        FaultFinder(failover, put_back=lambda *_: None),
        no_budgets(),
        policy=RetryPolicy(max_attempts=1, base_s=1, max_s=1),
    )
    return writer, await worker.handle(Work(claimed_request(), overlay_completed()))


def wanting(*names: str) -> list[Any]:
    return [pytest.param(case, id=case["case"]) for case in CASES if set(names) & case["want"].keys()]


@pytest.mark.parametrize("case", wanting("post", "caption", "hashtags"))
async def test_what_holds_a_good_post_is_stored_after_one_call(case: dict[str, Any]) -> None:
    want = case["want"]
    writer, outcome = await handled(case)
    assert isinstance(outcome, Written)
    assert len(writer.asked) == outcome.usage.llm_calls == 1
    wanted = (
        want.get("post", {}) | {"instagram_ad_copy": want["caption"]} if "caption" in want else want.get("post", want)
    )
    for name in ("instagram_ad_copy", "hashtags"):
        assert getattr(outcome.edited.post, name) == wanted.get(name, getattr(outcome.edited.post, name))
    if "prompt_tokens" in want:
        assert outcome.answer.completion.prompt_tokens == want["prompt_tokens"]
    if "cost_usd" in want:
        assert outcome.usage.spent.cost_usd == (want["cost_usd"] and Decimal(want["cost_usd"]))


@pytest.mark.parametrize("case", wanting("repair_quotes"))
async def test_what_is_not_to_be_stored_is_quoted_in_one_repair_call(case: dict[str, Any]) -> None:
    writer, outcome = await handled(case)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "llm_output_invalid"
    assert len(writer.asked) == case["want"]["calls"]
    repair = writer.asked[1][0][-1].content
    assert repair.startswith("That answer cannot be used: ")
    if case["want"]["repair_quotes"] == "more than one post":
        assert "more than one post" in repair
    else:
        assert case["want"]["repair_quotes"] in outcome.detail


@pytest.mark.parametrize("case", wanting("asked_again"))
async def test_what_was_cut_off_is_asked_for_again_with_more_room(case: dict[str, Any]) -> None:
    writer, outcome = await handled(case)
    assert isinstance(outcome, Rejected)
    assert [max_tokens for _, max_tokens in writer.asked] == [1_000, 2_000]
    assert outcome.reason == "llm_truncated"


@pytest.mark.parametrize("case", wanting("failed"))
async def test_what_a_filter_stopped_fails_after_one_call(case: dict[str, Any]) -> None:
    writer, outcome = await handled(case)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, len(writer.asked)) == (case["want"]["failed"], case["want"]["calls"])


def test_every_case_from_the_field_is_tried() -> None:
    tried = [*wanting("post", "caption", "hashtags"), *wanting("repair_quotes", "asked_again", "failed")]
    assert len(tried) == len(CASES)
