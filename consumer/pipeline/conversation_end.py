"""How a conversation about one post may end."""

from dataclasses import dataclass

from consumer.llm.errors import LlmError
from consumer.pipeline.budgets.reserving import OverBudget
from consumer.pipeline.outcomes import Answer, Usage
from consumer.post.editor import EditedPost
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """There is a post, taken from `answer`."""

    usage: Usage
    edited: EditedPost
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class NoUsableAnswer:
    """The model answered, and no further call is worth its price."""

    usage: Usage
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswered:
    """A call brought no answer; `unrecorded_call`: one that nobody has counted may be had from the provider."""

    usage: Usage
    error: LlmError
    unrecorded_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAfforded:
    """A call was not made, since a budget has not so much."""

    usage: Usage
    over: OverBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The process was told to stop; what was paid for by then is kept.

    `unrecorded_call`: one whose answer nobody waited for may be had from the provider.
    """

    usage: Usage
    unrecorded_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A defect of this program ended it; `defect` names the error."""

    usage: Usage
    defect: str


ConversationEnd = Agreed | NoUsableAnswer | NotAnswered | NotAfforded | Interrupted | Broken
