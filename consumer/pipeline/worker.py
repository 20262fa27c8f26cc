"""Handling one request: prompt, LLM call, judgement, outcome. No connection is held meanwhile."""

import random
from typing import assert_never

import structlog

from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.failover import Failover
from consumer.pipeline.conversation import Conversation, LeaseIsHeld
from consumer.pipeline.judgement import CutOff, Declined, Unusable, Usable, judge
from consumer.pipeline.outcomes import Outcome, Rejected, Work, Written, unwritten
from consumer.pipeline.retry import RetryPolicy, after_error, after_failed_attempt
from consumer.post.prompt import PromptTemplate
from schemas.post import InstagramPost
from schemas.reasons import Reason

log = structlog.get_logger()


class Worker:
    """Turns a claimed request into an outcome; keeps nothing from one request to the next."""

    def __init__(
        self,
        failover: Failover,
        template: PromptTemplate,
        lease_is_held: LeaseIsHeld,
        *,
        policy: RetryPolicy,
        max_hashtags: int,
    ) -> None:
        self._failover = failover
        self._lease_is_held = lease_is_held
        self._template = template
        self._policy = policy
        self._max_hashtags = max_hashtags

    async def handle(self, work: Work) -> Outcome:
        """Write the post, with at most one larger limit and one repair. Raises nothing but cancellation."""
        conversation = Conversation(work, self._failover, self._template, self._lease_is_held)
        attempts = work.request.attempts
        try:
            return await self._converse(conversation)
        except LlmError as error:
            decision = after_error(error, attempts, policy=self._policy, random=random.random())
            return unwritten(
                work.request,
                conversation.usage,
                decision,
                reason=error.reason,
                detail=str(error),
                unrecorded_call=conversation.lost(error),
            )
        except Exception as error:
            # a defect of ours must not take the other events in flight down with it
            log.exception("worker.defect", overlay_id=str(work.request.overlay_id))
            decision = after_failed_attempt(attempts, policy=self._policy, random=random.random())
            detail = type(error).__name__
            return unwritten(work.request, conversation.usage, decision, reason=Reason.INTERNAL_ERROR, detail=detail)

    async def _converse(self, conversation: Conversation) -> Outcome:
        while True:
            completion = await conversation.call()
            match judge(completion, max_hashtags=self._max_hashtags):
                case Usable(post):
                    return _written(conversation, post, completion)
                case CutOff() if not conversation.enlarged:
                    conversation.enlarge()
                case Unusable(problems) if not conversation.repaired:
                    conversation.repair(completion, problems)
                case CutOff():
                    return _rejected(
                        conversation, Reason.LLM_TRUNCATED, f"cut off at {conversation.called_with.max_tokens} tokens"
                    )
                case Unusable(problems):
                    return _rejected(conversation, Reason.LLM_OUTPUT_INVALID, problems)
                case Declined(reason, detail):
                    return _rejected(conversation, reason, detail)
                case never:
                    assert_never(never)


def _written(conversation: Conversation, post: InstagramPost, completion: Completion) -> Written:
    work = conversation.work
    return Written(
        work.request, conversation.usage, work.event, post, conversation.messages, completion, conversation.called_with
    )


def _rejected(conversation: Conversation, reason: Reason, detail: str) -> Rejected:
    request = conversation.work.request
    return Rejected(request, conversation.usage, request.attempts + 1, reason, detail)
