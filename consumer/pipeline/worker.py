"""Handling one request: a conversation with the model, and what follows from its end. No connection is held."""

import random
from collections.abc import Callable
from typing import assert_never

from consumer.llm.failover import Failover
from consumer.pipeline.conversation import (
    Agreed,
    Broken,
    Conversation,
    ConversationEnd,
    LeaseIsHeld,
    NotAnswered,
    NoUsableAnswer,
)
from consumer.pipeline.outcomes import Outcome, Rejected, Work, Written, unwritten
from consumer.pipeline.retry import RetryPolicy, after_error, after_failed_attempt
from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context
from schemas.overlay_completed import OverlayCompleted
from schemas.reasons import Reason

ContextOf = Callable[[OverlayCompleted], Context]
"""What a post for this event is judged by."""


class Worker:
    """Turns a claimed request into an outcome; keeps nothing from one request to the next."""

    def __init__(
        self,
        failover: Failover,
        template: PromptTemplate,
        lease_is_held: LeaseIsHeld,
        editor: Editor,
        context_of: ContextOf,
        *,
        policy: RetryPolicy,
    ) -> None:
        self._failover = failover
        self._lease_is_held = lease_is_held
        self._template = template
        self._policy = policy
        self._editor = editor
        self._context_of = context_of

    async def handle(self, work: Work) -> Outcome:
        """Have the post written. Raises nothing but cancellation."""
        context = self._context_of(work.event)
        conversation = Conversation(work, self._failover, self._template, self._lease_is_held, self._editor, context)
        return self._outcome(work, await conversation.hold())

    def _outcome(self, work: Work, end: ConversationEnd) -> Outcome:
        request = work.request
        match end:
            case Agreed(usage=usage, post=post, warnings=warnings, answer=answer):
                return Written(
                    request=request,
                    usage=usage,
                    event=work.event,
                    post=post,
                    messages=answer.messages,
                    completion=answer.completion,
                    called_with=answer.called_with,
                    warnings=warnings,
                )
            case NoUsableAnswer(usage=usage, reason=reason, detail=detail):
                return Rejected(
                    request=request, usage=usage, attempts=request.attempts + 1, reason=reason, detail=detail
                )
            case NotAnswered(usage=usage, error=error, unrecorded_call=unrecorded_call):
                decision = after_error(error, request.attempts, policy=self._policy, random=random.random())
                reason, detail = error.reason, str(error)
                return unwritten(
                    request, usage, decision, reason=reason, detail=detail, unrecorded_call=unrecorded_call
                )
            case Broken(usage=usage, defect=defect):
                decision = after_failed_attempt(request.attempts, policy=self._policy, random=random.random())
                return unwritten(request, usage, decision, reason=Reason.INTERNAL_ERROR, detail=defect)
            case never:
                assert_never(never)
