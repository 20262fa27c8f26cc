"""How a conversation about one post may end."""

from dataclasses import dataclass

from consumer.llm.errors import LlmError
from consumer.pipeline.budgets.reserving import OverBudget
from consumer.pipeline.outcomes import Answer, Usage
from consumer.post.editor import EditedPost
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """There is a post, from `answer`."""

    usage: Usage
    edited: EditedPost
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class NoUsableAnswer:
    """The model answered, and no further call is worthwhile."""

    usage: Usage
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswered:
    """A call got no answer; with `unrecorded_call` the provider may have one that has not been counted."""

    usage: Usage
    error: LlmError
    unrecorded_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAfforded:
    """A call was not made because a budget cannot pay for it."""

    usage: Usage
    over: OverBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The process was told to stop; answers paid for by then are kept.

    With `unrecorded_call` the provider may have an answer that was not waited for.
    """

    usage: Usage
    unrecorded_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A bug in this program ended it; `defect` names the error."""

    usage: Usage
    defect: str


ConversationEnd = Agreed | NoUsableAnswer | NotAnswered | NotAfforded | Interrupted | Broken
