"""Trying prompts: real calls for a few events, judged as the consumer judges them; nothing is stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.cost import spending
from consumer.llm.errors import LlmError
from consumer.llm.writer import Writer
from consumer.pipeline.judgement import CutOff, Declined, Unusable, editor_from, judge
from consumer.post.editor import EditedPost, Editor
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context
from consumer.post.quality.source import Source
from consumer.settings import PostSettings
from repository.prompts import Prompt
from schemas.overlay_completed import OverlayCompleted
from schemas.post import InstagramPost

AT_ONCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPost:
    """What one prompt brought for one event: a post, perhaps with warnings, or a problem. Money may be unknown."""

    overlay_id: UUID
    prompt: str
    post: InstagramPost | None = None
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_ms: float | None = None
    cost_usd: Decimal | None = None


async def tried(
    events: Sequence[OverlayCompleted],
    templates: Sequence[tuple[Prompt, PromptTemplate]],
    writer: Writer,
    settings: PostSettings,
) -> list[TrialPost]:
    """Make one call for each event with each prompt; the results of an event stand together."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(event: OverlayCompleted, prompt: Prompt, template: PromptTemplate, editor: Editor) -> TrialPost:
        async with turn:
            return await _tried_once(event, prompt, template, writer, editor)

    editors = [editor_from(settings, our_texts=template.static_texts) for _, template in templates]
    async with asyncio.TaskGroup() as tasks:
        calls = [
            tasks.create_task(one(event, prompt, template, editor))
            for event in events
            for (prompt, template), editor in zip(templates, editors, strict=True)
        ]
    return [call.result() for call in calls]


async def _tried_once(
    event: OverlayCompleted, prompt: Prompt, template: PromptTemplate, writer: Writer, editor: Editor
) -> TrialPost:
    call_id = CallId(event.overlay_id, 0, 1)
    try:
        completion = await writer.write(template.messages(event), max_tokens=writer.max_tokens, call_id=call_id)
    except LlmError as error:
        return TrialPost(overlay_id=event.overlay_id, prompt=prompt.reference, problem=str(error))
    verdict = judge(completion, editor, Context(Source(event)))
    match verdict:
        case EditedPost(post=post, warnings=warnings):
            rules = tuple(warning.rule for warning in warnings)
            return _result(event, prompt, writer, completion, post=post, warnings=rules)
        case CutOff():
            return _result(event, prompt, writer, completion, problem=f"cut off at {writer.max_tokens} tokens")
        case Unusable(detail=detail) | Declined(detail=detail):
            return _result(event, prompt, writer, completion, problem=detail)
        case never:
            assert_never(never)


def _result(
    event: OverlayCompleted,
    prompt: Prompt,
    writer: Writer,
    completion: Completion,
    *,
    post: InstagramPost | None = None,
    warnings: tuple[str, ...] = (),
    problem: str | None = None,
) -> TrialPost:
    return TrialPost(
        overlay_id=event.overlay_id,
        prompt=prompt.reference,
        post=post,
        warnings=warnings,
        problem=problem,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        latency_ms=completion.latency_ms,
        cost_usd=spending(completion, writer.model).cost_usd,
    )
