"""Handling one request: prompt, LLM call, judgement, outcome. No connection is held meanwhile."""

import random
from typing import assert_never

import structlog

from consumer.answer import CutOff, Declined, Unusable, Usable, judge
from consumer.dialogue import Dialogue, IsOurs
from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.providers import Providers
from consumer.outcomes import Outcome, Rejected, Work, Written, unwritten
from consumer.prompt import PromptTemplate
from consumer.retry import RetryPolicy, after_error, after_failed_attempt
from schemas.post import InstagramPost

log = structlog.get_logger()


class Worker:
    """Turns a claimed request into an outcome; keeps nothing from one request to the next."""

    def __init__(
        self,
        providers: Providers,
        template: PromptTemplate,
        is_ours: IsOurs,
        *,
        policy: RetryPolicy,
        max_hashtags: int,
    ) -> None:
        self._providers = providers
        self._is_ours = is_ours
        self._template = template
        self._policy = policy
        self._max_hashtags = max_hashtags

    async def handle(self, work: Work) -> Outcome:
        """Write the post, with at most one larger limit and one repair. Raises nothing but cancellation."""
        dialogue = Dialogue(work, self._providers, self._template, self._is_ours)
        attempts = work.request.attempts
        try:
            return await self._converse(dialogue)
        except LlmError as error:
            decision = after_error(error, attempts, policy=self._policy, random=random.random())
            return unwritten(
                work.request,
                dialogue.usage,
                decision,
                reason=error.reason,
                detail=str(error),
                unrecorded_call=dialogue.lost(error),
            )
        except Exception as error:
            # a defect of ours must not take the other events in flight down with it
            log.exception("worker.defect", overlay_id=str(work.request.overlay_id))
            decision = after_failed_attempt(attempts, policy=self._policy, random=random.random())
            detail = type(error).__name__
            return unwritten(work.request, dialogue.usage, decision, reason="internal_error", detail=detail)

    async def _converse(self, dialogue: Dialogue) -> Outcome:
        while True:
            completion = await dialogue.call()
            match judge(completion, max_hashtags=self._max_hashtags):
                case Usable(post):
                    return _written(dialogue, post, completion)
                case CutOff() if not dialogue.enlarged:
                    dialogue.enlarge()
                case Unusable(problems) if not dialogue.repaired:
                    dialogue.repair(completion, problems)
                case CutOff():
                    return _rejected(dialogue, "llm_truncated", f"cut off at {dialogue.called_with.max_tokens} tokens")
                case Unusable(problems):
                    return _rejected(dialogue, "llm_output_invalid", problems)
                case Declined(reason, detail):
                    return _rejected(dialogue, reason, detail)
                case never:
                    assert_never(never)


def _written(dialogue: Dialogue, post: InstagramPost, completion: Completion) -> Written:
    work = dialogue.work
    return Written(work.request, dialogue.usage, work.event, post, dialogue.messages, completion, dialogue.called_with)


def _rejected(dialogue: Dialogue, reason: str, detail: str) -> Rejected:
    request = dialogue.work.request
    return Rejected(request, dialogue.usage, request.attempts + 1, reason, detail)
