"""What a conversation asks next, and that no answer it was given is lost, whatever comes of it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from consumer.llm.breaker import Breaker
from consumer.llm.call_watch import CallWatch
from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.completion_reader import read_completion
from consumer.llm.errors import CallFailed, ContentFiltered, LlmError, RateLimited, Received
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.usage import UNKNOWN, Tokens
from consumer.llm.writer import Writer
from consumer.pipeline.conversation import Conversation
from consumer.pipeline.conversation_end import Agreed, Broken, ConversationEnd, Interrupted, NotAnswered, NoUsableAnswer
from consumer.pipeline.faults.fault_finder import FaultFinder
from consumer.pipeline.outcomes import Work
from consumer.post.prompt import PromptTemplate
from repository.llm_calls import KeptAnswer, LlmCall
from repository.requests import ClaimedRequest
from repository.spending import NOTHING_SPENT, Spending
from schemas.call_verdict import CallVerdict
from schemas.reasons import Reason
from tests.support.budgets import no_budgets
from tests.support.examples import claimed_request, llm_call, llm_model, overlay_completed, source_record
from tests.support.quality import context, editor

MODEL = llm_model()
USAGE = {"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700}
PRICE_USD = Decimal("0.000195")
POST = json.dumps({"instagram_ad_copy": "가을 니트 💛", "hashtags": ["#가을"]}, ensure_ascii=False)


def body(content: str | None = POST, *, usage: object = USAGE, **choice: object) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": content, **cast("dict[str, Any]", choice.pop("message", {}))}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}], "usage": usage}
    return json.dumps(answer, ensure_ascii=False).encode()


def answered(*args: Any, **choice: Any) -> Completion:  # noqa: ANN401 - those of `body`
    return read_completion(body(*args, **choice), latency_ms=812.25)


CUT_OFF = answered(POST[:20], finish_reason="length")
NO_POST = answered("Here you go!")
REFUSAL = answered(None, message={"refusal": "I can't help with that."})
FILTERED = answered("", finish_reason="content_filter")


class ScriptedWriter:
    """Gives one answer or error after the other; the last of them waits for ever if it is None."""

    def __init__(self, *script: Completion | LlmError | Exception | None) -> None:
        self.model = MODEL
        self.max_tokens = 1_000
        self.temperature = 0.7
        self.script = list(script)
        self.asked: list[tuple[Messages, int, int]] = []
        self.begun = asyncio.Event()
        self.stored: Completion | None = None

    async def write(self, messages: Messages, *, max_tokens: int, call_id: CallId, **_: bool) -> Completion:
        """Make one call."""
        self.asked.append((messages, max_tokens, call_id.attempt))
        self.begun.set()
        answer = self.script.pop(0)
        if answer is None:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find_stored(self, _call_id: CallId) -> Completion | None:
        """What the provider kept."""
        return self.stored


def conversation(
    writer: ScriptedWriter, request: ClaimedRequest, kept: Sequence[KeptAnswer] = (), watch: CallWatch | None = None
) -> Conversation:
    provider = Provider(cast("Writer", writer), RateLimiter(), Breaker(probe_deadline_s=60), watch)
    template = PromptTemplate(language="ko", max_hashtags=5)
    work = Work(request, overlay_completed(), kept)
    failover = Failover(provider)
    finder = FaultFinder(failover, put_back=lambda _, __: None)
    return Conversation(work, failover, template, lambda _: True, editor(), lambda _: context(), finder, no_budgets())


async def held(
    *script: Completion | LlmError | Exception | None, request: ClaimedRequest | None = None
) -> ConversationEnd:
    return await conversation(ScriptedWriter(*script), request or claimed_request()).hold()


def verdicts(end: ConversationEnd) -> list[CallVerdict]:
    return [call.verdict for call in end.usage.unused]


async def test_each_answer_tells_the_rules_that_refused_it() -> None:
    posts = [
        {"instagram_ad_copy": "가을 니트 💛 https://shop.example/x 010-1234-5678", "hashtags": "#가을"},
        {"instagram_ad_copy": "가을 니트 💛 https://shop.example/x", "hashtags": "#가을"},
    ]
    end = await held(*(answered(json.dumps(post)) for post in posts))
    assert isinstance(end, NoUsableAnswer)
    assert end.usage.refused_by == ("link", "phone", "link")


async def test_an_answer_that_is_no_post_is_refused_by_no_rule() -> None:
    end = await held(NO_POST, answered())
    assert isinstance(end, Agreed)
    assert end.usage.refused_by == ()


async def test_a_post_at_once_leaves_no_call_to_keep() -> None:
    end = await held(answered())
    assert isinstance(end, Agreed)
    assert (end.usage.llm_calls, end.usage.spent.cost_usd, end.usage.unused) == (1, PRICE_USD, ())


@pytest.mark.parametrize(
    ("first", "verdict"), [(CUT_OFF, CallVerdict.CUT_OFF), (NO_POST, CallVerdict.UNUSABLE)], ids=["cut off", "no post"]
)
async def test_an_answer_before_the_post_is_kept_with_all_that_is_known_of_it(
    first: Completion, verdict: CallVerdict
) -> None:
    request = claimed_request(llm_calls=3, fencing_token=7)
    end = await held(first, answered(), request=request)

    assert isinstance(end, Agreed)
    assert (end.answer.call.number, end.usage.llm_calls, end.usage.spent.cost_usd) == (5, 5, 2 * PRICE_USD)
    [call] = end.usage.unused
    assert (call.overlay_id, call.revision, call.fencing_token, call.call_number) == (request.overlay_id, 1, 7, 4)
    assert (call.verdict, call.raw_response, call.finish_reason) == (verdict, first.received, first.finish_reason)
    assert (call.prompt_tokens, call.completion_tokens, call.cost_usd) == (500, 200, PRICE_USD)
    assert (call.llm_model_id, call.latency_ms, call.used_max_tokens) == (MODEL.llm_model_id, 812.25, 1_000)
    assert "[user]" in (call.gpt_prompt_used or "")


@pytest.mark.parametrize(
    ("script", "reason", "expected"),
    [
        ([CUT_OFF, CUT_OFF], Reason.LLM_TRUNCATED, [CallVerdict.CUT_OFF] * 2),
        ([NO_POST, NO_POST], Reason.LLM_OUTPUT_INVALID, [CallVerdict.UNUSABLE] * 2),
        (
            [CUT_OFF, NO_POST, NO_POST],
            Reason.LLM_OUTPUT_INVALID,
            [CallVerdict.CUT_OFF, CallVerdict.UNUSABLE, CallVerdict.UNUSABLE],
        ),
        ([REFUSAL], Reason.LLM_REFUSED, [CallVerdict.REFUSED]),
        ([FILTERED], Reason.LLM_CONTENT_FILTERED, [CallVerdict.FILTERED]),
    ],
)
async def test_without_a_post_every_answer_is_kept(
    script: list[Completion], reason: Reason, expected: list[CallVerdict]
) -> None:
    end = await held(*script)
    assert isinstance(end, NoUsableAnswer)
    assert (end.reason, verdicts(end)) == (reason, expected)
    assert end.usage.spent.cost_usd == len(script) * PRICE_USD


async def test_the_larger_limit_and_the_repair_are_each_asked_for_once() -> None:
    writer = ScriptedWriter(CUT_OFF, NO_POST, answered())
    await conversation(writer, claimed_request()).hold()
    assert [max_tokens for _, max_tokens, _ in writer.asked] == [1_000, 2_000, 2_000]
    assert [len(messages) for messages, _, _ in writer.asked] == [2, 2, 4]
    assert [attempt for _, _, attempt in writer.asked] == [1, 2, 3]


@pytest.mark.parametrize(
    ("error", "verdict", "cost_usd"),
    [
        (CallFailed("no answer within 60 s", maybe_billed=True), CallVerdict.UNANSWERED, None),
        (CallFailed("HTTP 503"), CallVerdict.FAILED, 0),
        (RateLimited("HTTP 429", retry_after_s=1), CallVerdict.RATE_LIMITED, 0),
        (ContentFiltered("HTTP 400"), CallVerdict.FILTERED, 0),
    ],
)
async def test_a_call_without_an_answer_is_kept_and_its_cost_is_unknown_only_if_it_may_have_been_billed(
    error: LlmError, verdict: CallVerdict, cost_usd: int | None
) -> None:
    end = await held(error)
    assert isinstance(end, NotAnswered)
    [call] = end.usage.unused
    assert (call.verdict, call.cost_usd, call.raw_response, call.prompt_tokens) == (verdict, cost_usd, None, None)
    assert (call.gpt_prompt_used, end.usage.llm_calls, end.usage.spent) == (None, 1, NOTHING_SPENT)


def unreadable(tokens: Tokens) -> CallFailed:
    error = CallFailed("the answer is not a chat completion: 12 characters", maybe_billed=True)
    error.received = Received(body=b'{"half": "an', tokens=tokens, latency_ms=5.0)
    return error


async def test_what_is_no_completion_is_kept_too_and_priced_by_the_usage_it_tells() -> None:
    end = await held(unreadable(Tokens(prompt=500, cached_prompt=0, completion=200)))
    [call] = end.usage.unused
    assert (call.verdict, call.raw_response, call.latency_ms) == (CallVerdict.UNREADABLE, b'{"half": "an', 5.0)
    assert (call.cost_usd, end.usage.spent) == (PRICE_USD, Spending(500, 0, 200, PRICE_USD))


async def test_what_is_no_completion_and_tells_no_usage_costs_nobody_knows_what() -> None:
    [call] = (await held(unreadable(UNKNOWN))).usage.unused
    assert (call.cost_usd, call.prompt_tokens) == (None, None)


async def test_an_answer_that_tells_no_usage_makes_the_sum_unknown() -> None:
    end = await held(answered(usage=None))
    assert isinstance(end, Agreed)
    assert end.usage.spent == Spending(None, None, None, None)


async def test_a_defect_loses_no_answer() -> None:
    end = await held(NO_POST, ZeroDivisionError("a defect"))
    assert isinstance(end, Broken)
    assert (verdicts(end), end.usage.spent.cost_usd) == ([CallVerdict.UNUSABLE], PRICE_USD)


async def test_cut_off_at_the_end_of_the_process_it_keeps_what_was_paid_and_counts_the_call_it_left() -> None:
    writer = ScriptedWriter(NO_POST, None)
    task = asyncio.create_task(conversation(writer, claimed_request()).hold())
    while len(writer.asked) < 2:
        writer.begun.clear()
        await writer.begun.wait()
    task.cancel()
    end = await task

    assert isinstance(end, Interrupted)
    assert verdicts(end) == [CallVerdict.UNUSABLE, CallVerdict.UNANSWERED]
    assert [call.cost_usd for call in end.usage.unused] == [PRICE_USD, None]
    assert not end.unrecorded_call


REQUEST = claimed_request(llm_calls=1, spent=Spending(500, 0, 200, PRICE_USD), fencing_token=2)


def kept(raw: bytes, request: ClaimedRequest = REQUEST, **changes: object) -> KeptAnswer:
    call: LlmCall = llm_call(request, MODEL.llm_model_id, fencing_token=1, raw_response=raw, **changes)
    return KeptAnswer(call=call, raw_response=raw, model=MODEL)


async def judged_again(*answers: KeptAnswer, script: Sequence[Completion] = ()) -> ConversationEnd:
    return await conversation(ScriptedWriter(*script), REQUEST, answers).hold()


async def test_a_kept_answer_that_is_usable_by_now_is_the_post_and_costs_no_call() -> None:
    end = await judged_again(kept(body(), used_max_tokens=2_000, prompt_version="feed-post-0"))

    assert isinstance(end, Agreed)
    assert (end.usage.llm_calls, end.usage.spent, end.usage.unused) == (1, REQUEST.spent, ())
    call = end.answer.call
    assert (call.number, call.max_tokens, call.prompt_version) == (1, 2_000, "feed-post-0")
    assert end.answer.kept is not None
    assert (end.answer.completion.latency_ms, end.answer.completion.total_tokens) == (812.25, 700)


async def test_the_newest_usable_one_counts() -> None:
    newest = body(POST.replace("니트", "코트"))
    end = await judged_again(kept(b"<html>"), kept(NO_POST.received), kept(newest), kept(body()))
    assert isinstance(end, Agreed)
    assert end.edited.post.instagram_ad_copy == "가을 코트 💛"


async def test_only_if_none_is_usable_another_call_is_made() -> None:
    end = await judged_again(kept(NO_POST.received), kept(b'{"half": "an'), script=[answered()])
    assert isinstance(end, Agreed)
    assert (end.usage.llm_calls, end.usage.spent.cost_usd, end.answer.kept) == (2, 2 * PRICE_USD, None)


async def test_an_answer_about_other_content_of_the_overlay_is_not_taken() -> None:
    other = claimed_request(overlay_id=REQUEST.overlay_id, source=source_record(b'{"other": "content"}'))
    end = await judged_again(kept(body(), other), script=[answered()])
    assert isinstance(end, Agreed)
    assert end.answer.kept is None


@pytest.mark.parametrize(
    ("changes", "cost_usd"),
    [
        ({}, PRICE_USD),
        ({"cost_usd": None, "verdict": CallVerdict.UNREADABLE}, 2 * PRICE_USD),
        ({"verdict": CallVerdict.SUPERSEDED}, 2 * PRICE_USD),
    ],
    ids=["counted", "unknown before", "counted nowhere"],
)
async def test_what_a_kept_answer_cost_is_counted_once(changes: dict[str, Any], cost_usd: Decimal) -> None:
    end = await judged_again(kept(body(), **changes))
    assert end.usage.spent.cost_usd == cost_usd


async def test_a_draft_that_the_providers_own_check_kept_back_can_be_judged_again() -> None:
    error = {"message": "Failed to generate JSON", "code": "json_validate_failed", "failed_generation": POST}
    end = await judged_again(kept(json.dumps({"error": error}, ensure_ascii=False).encode(), cost_usd=None))
    assert isinstance(end, Agreed)
    assert end.usage.spent.cost_usd is None


@pytest.mark.parametrize(("stored", "calls"), [(NO_POST, 2), (answered(), 1)], ids=["kept before", "nobody's yet"])
async def test_a_completion_that_is_looked_up_is_counted_only_if_it_was_not_kept_before(
    stored: Completion, calls: int
) -> None:
    """Found by chaos: after a kill the newest completion was one whose row was there already."""
    writer = ScriptedWriter(answered())
    writer.stored = stored
    lost = replace(REQUEST, unrecorded_call=True)
    end = await conversation(writer, lost, [kept(NO_POST.received)]).hold()
    assert isinstance(end, Agreed)
    assert (end.usage.llm_calls, end.usage.unused) == (calls, ())
    assert end.usage.spent.cost_usd == 2 * PRICE_USD
