"""The calls made to get one post: what is asked next, and what all calls together used up."""

from consumer.cost import spending
from consumer.outcomes import Usage, Work
from consumer.prompt import PromptTemplate, with_repair
from consumer.writer import Completion, Writer

LARGER_LIMIT_FACTOR = 2


class Dialogue:
    """Begins with the first prompt; may be enlarged once and repaired once."""

    def __init__(self, work: Work, writer: Writer, template: PromptTemplate) -> None:
        self.work = work
        self.messages = template.messages(work.event)
        self.max_tokens = writer.max_tokens
        self.usage = Usage(work.request.llm_calls, work.request.spent)
        self.enlarged = False
        self.repaired = False
        self._writer = writer

    async def call(self) -> Completion:
        """Make the next call. It counts as begun even if it fails: the provider may have billed it.

        Raises:
            LlmError: there is no completion.
        """
        request = self.work.request
        self.usage = Usage(self.usage.llm_calls + 1, self.usage.spent)
        completion = await self._writer.write(
            self.messages,
            max_tokens=self.max_tokens,
            client_request_id=f"{request.overlay_id}/{request.revision}/{self.usage.llm_calls}",
        )
        self.usage = Usage(self.usage.llm_calls, self.usage.spent + spending(completion, self._writer.model))
        return completion

    def enlarge(self) -> None:
        """Ask the same again with room for a longer answer."""
        self.max_tokens *= LARGER_LIMIT_FACTOR
        self.enlarged = True

    def repair(self, completion: Completion, problems: str) -> None:
        """Quote the problem and ask for the whole answer again."""
        self.messages = with_repair(self.messages, completion.content, problems)
        self.repaired = True
