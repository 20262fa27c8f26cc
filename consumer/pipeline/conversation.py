"""The calls made to get one post: what is asked next, and what all calls together used up."""

from collections.abc import Callable

from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.cost import spending
from consumer.llm.errors import Deferred, LlmError
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.pipeline.outcomes import CalledWith, Usage, Work
from consumer.post.prompt import PromptTemplate, with_repair
from repository.requests import ClaimedRequest
from schemas.reasons import Reason

LARGER_LIMIT_FACTOR = 2

LeaseIsHeld = Callable[[ClaimedRequest], bool]
"""Whether a request's lease is sure to be held by this process still."""


class Conversation:
    """Begins with the first prompt; may be enlarged once and repaired once.

    Each call goes to the provider that is called at that time, so that one whose account is refused
    does not keep what it began. `called_with` is about the last call.
    """

    called_with: CalledWith

    def __init__(self, work: Work, failover: Failover, template: PromptTemplate, lease_is_held: LeaseIsHeld) -> None:
        self.work = work
        self.messages = template.messages(work.event)
        self.usage = Usage(work.request.llm_calls, work.request.spent)
        self.enlarged = False
        self.repaired = False
        self._failover = failover
        self._lease_is_held = lease_is_held
        self._unrecorded_call = work.request.unrecorded_call

    async def call(self) -> Completion:
        """Make the next call. Once admitted it counts, even if it fails: the provider may have billed it.

        Where a lost process or a lost connection left a call whose outcome nobody recorded, its
        completion is looked up first: what is found has been paid for.

        Raises:
            LlmError: there is no completion.
        """
        if self._unrecorded_call:
            self._unrecorded_call = False
            if found := await self._failover.find_stored(self._call_id()):
                return self._counted(*found)
        provider, admission = await self._failover.admit(self.messages)
        if not self._lease_is_held(self.work.request):
            # a process that was frozen meanwhile would pay for what another one has taken over (found by chaos)
            provider.give_back(admission)
            detail = "a pause before the call, longer than the lease is sure"
            raise Deferred(detail, reason=Reason.LATE_CALL, retry_in_s=0.0)
        self.usage = Usage(self.usage.llm_calls + 1, self.usage.spent)
        completion = await self._failover.write(
            provider, admission, self.messages, max_tokens=self._max_tokens(provider), call_id=self._call_id()
        )
        return self._counted(provider, completion)

    def _max_tokens(self, provider: Provider) -> int:
        return provider.writer.max_tokens * (LARGER_LIMIT_FACTOR if self.enlarged else 1)

    def _call_id(self) -> CallId:
        request = self.work.request
        return CallId(request.overlay_id, request.revision, self.usage.llm_calls)

    def _counted(self, provider: Provider, completion: Completion) -> Completion:
        model = provider.writer.model
        self.called_with = CalledWith(model, provider.writer.temperature, self._max_tokens(provider))
        self.usage = Usage(self.usage.llm_calls, self.usage.spent + spending(completion, model))
        return completion

    def lost(self, error: LlmError) -> bool:
        """Whether a completion that nobody has counted yet may be had from the provider's store.

        Only when no other call was counted: the newest completion might be that one.
        """
        nothing_counted = self.usage.spent == self.work.request.spent
        return error.maybe_billed and nothing_counted

    def enlarge(self) -> None:
        """Ask the same again with room for a longer answer."""
        self.enlarged = True

    def repair(self, completion: Completion, problems: str) -> None:
        """Quote the problem and ask for the whole answer again."""
        self.messages = with_repair(self.messages, completion.content, problems)
        self.repaired = True
