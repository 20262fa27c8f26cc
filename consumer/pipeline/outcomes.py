"""How handling one request can end: a closed set."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from consumer.llm.completion import FLEX, Completion
from consumer.llm.cost import spending
from consumer.pipeline.retry import GiveUp, TryAgain
from consumer.post.editor import EditedPost
from repository.budget_calls import Charge, FoundCall
from repository.llm_calls import KeptAnswer, LlmCall
from repository.llm_models import LlmModel
from repository.requests import ClaimedRequest
from repository.spending import Spending
from schemas.delivery import Delivery
from schemas.ids import new_feed_id
from schemas.overlay_completed import OverlayCompleted
from schemas.quality import QualityRule
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed request and the event it is about; `kept` are answers of earlier handlings, the newest first."""

    request: ClaimedRequest
    event: OverlayCompleted
    kept: Sequence[KeptAnswer] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What all calls for a request have used up so far.

    `unused` are this handling's calls whose answer is not the post: they are kept. `charges` are what its calls took of
    budgets, `found` an earlier handling's call whose completion was found. `refused_by` are the quality rules that
    refused answers of this handling, once for each answer.
    """

    llm_calls: int
    spent: Spending
    unused: tuple[LlmCall, ...] = ()
    charges: tuple[Charge, ...] = ()
    found: tuple[FoundCall, ...] = ()
    refused_by: tuple[QualityRule, ...] = ()

    def with_call(self) -> "Usage":
        """Return the usage after one more call was begun."""
        return replace(self, llm_calls=self.llm_calls + 1)

    def with_spending(self, spent: Spending) -> "Usage":
        """Return the usage after an answer that took so much."""
        return replace(self, spent=self.spent + spent)

    def with_charges(self, charges: tuple[Charge, ...]) -> "Usage":
        """Return the usage after a call took so much of budgets."""
        return replace(self, charges=(*self.charges, *charges)) if charges else self

    def with_found(self, call: FoundCall) -> "Usage":
        """Return the usage after the completion of an earlier call was found."""
        return replace(self, found=(*self.found, call))

    def with_unused(self, call: LlmCall, *, refused_by: tuple[QualityRule, ...] = ()) -> "Usage":
        """Return the usage after a call turned out to bring no post, maybe by the quality rules that refused it."""
        return replace(self, unused=(*self.unused, call), refused_by=(*self.refused_by, *refused_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One LLM call as it was made; `number` counts the calls for its request, `prompt` is all that was asked."""

    number: int
    called_at: datetime
    model: LlmModel
    temperature: float | None
    max_tokens: int
    prompt: str
    prompt_version: str
    delivery: Delivery = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A completion, the call that brought it, and what that took; `kept` is its row, if an earlier handling made it."""

    call: Call
    completion: Completion
    spent: Spending
    kept: LlmCall | None = None

    @classmethod
    def to(cls, call: Call, completion: Completion, kept: LlmCall | None = None) -> "Answer":
        """Return the answer to a call with what it took: the tier that it names is billed, whatever was asked for."""
        if completion.service_tier == FLEX and call.delivery == "live":
            call = replace(call, model=call.model.at_reduced_price(), delivery=FLEX)
        return cls(call=call, completion=completion, spent=spending(completion, call.model), kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A post to be stored, with the answer that holds it.

    Its id is drawn once: each attempt to store it is one for the same row.
    """

    request: ClaimedRequest
    usage: Usage
    event: OverlayCompleted
    edited: EditedPost
    answer: Answer
    instagram_feed_id: UUID = field(default_factory=lambda: new_feed_id(datetime.now(UTC)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater:
    """Nothing yet; try again after `delay_s`, when `attempts` have been used up.

    `unrecorded_call`: a call may have been billed although its answer never arrived.
    """

    request: ClaimedRequest
    usage: Usage
    attempts: int
    delay_s: float
    reason: Reason
    detail: str
    unrecorded_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Nothing yet: a budget is spent, of which there may be more `until` then. It was spent at a limit of `limit`.

    `amount` is what the next call needs of it; None where more would be of no use.
    """

    request: ClaimedRequest
    usage: Usage
    budget_id: UUID
    limit: Decimal
    amount: Decimal | None
    until: datetime
    detail: str
    reason: Reason = Reason.BUDGET_SPENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """There will be no post for this request; `reason` is its code in events and the ledger."""

    request: ClaimedRequest
    usage: Usage
    attempts: int
    reason: Reason
    detail: str


Outcome = Written | RetryLater | Held | Rejected


def usage_so_far(request: ClaimedRequest) -> Usage:
    """Return what earlier attempts used up, for an end that comes before any call of this one."""
    return Usage(request.llm_calls, request.spent)


def unwritten(
    request: ClaimedRequest,
    usage: Usage,
    decision: TryAgain | GiveUp,
    *,
    reason: Reason,
    detail: str,
    unrecorded_call: bool = False,
) -> RetryLater | Rejected:
    """Return the outcome that a retry decision means."""
    match decision:
        case TryAgain(delay_s, attempts):
            return RetryLater(
                request=request,
                usage=usage,
                attempts=attempts,
                delay_s=delay_s,
                reason=reason,
                detail=detail,
                unrecorded_call=unrecorded_call,
            )
        case GiveUp(attempts):
            return Rejected(request=request, usage=usage, attempts=attempts, reason=reason, detail=detail)
