"""The calls made to get one post: what is asked next, and what all calls together used up."""

from consumer.cost import spending
from consumer.llm.completion import Completion
from consumer.llm.errors import LlmError
from consumer.llm.provider import Provider
from consumer.llm.writer import CallId
from consumer.outcomes import Usage, Work
from consumer.prompt import PromptTemplate, with_repair

LARGER_LIMIT_FACTOR = 2


class Dialogue:
    """Begins with the first prompt; may be enlarged once and repaired once."""

    def __init__(self, work: Work, provider: Provider, template: PromptTemplate) -> None:
        self.work = work
        self.messages = template.messages(work.event)
        self.max_tokens = provider.writer.max_tokens
        self.usage = Usage(work.request.llm_calls, work.request.spent)
        self.enlarged = False
        self.repaired = False
        self._provider = provider
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
            found = await self._provider.writer.find_stored(self._call_id())
            if found:
                return self._counted(found)
        admission = await self._provider.admit(self.messages)
        self.usage = Usage(self.usage.llm_calls + 1, self.usage.spent)
        return self._counted(
            await self._provider.write(admission, self.messages, max_tokens=self.max_tokens, call_id=self._call_id())
        )

    def _call_id(self) -> CallId:
        request = self.work.request
        return CallId(request.overlay_id, request.revision, self.usage.llm_calls)

    def _counted(self, completion: Completion) -> Completion:
        self.usage = Usage(self.usage.llm_calls, self.usage.spent + spending(completion, self._provider.writer.model))
        return completion

    def lost(self, error: LlmError) -> bool:
        """Whether a completion that nobody has counted yet may be had from the provider's store.

        Only when no other call was counted: the newest completion might be that one.
        """
        nothing_counted = self.usage.spent == self.work.request.spent
        return error.maybe_billed and nothing_counted

    def enlarge(self) -> None:
        """Ask the same again with room for a longer answer."""
        self.max_tokens *= LARGER_LIMIT_FACTOR
        self.enlarged = True

    def repair(self, completion: Completion, problems: str) -> None:
        """Quote the problem and ask for the whole answer again."""
        self.messages = with_repair(self.messages, completion.content, problems)
        self.repaired = True
