"""How the handling of a request can end: a closed set."""

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
    """A claimed request and its event; `kept` are answers of earlier handlings, newest first."""

    request: ClaimedRequest
    event: OverlayCompleted
    kept: Sequence[KeptAnswer] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What all calls for a request have used so far.

    `unused` are this handling's calls whose answer did not become the post: they are kept. `charges` is what its calls
    took from budgets, `found` an earlier handling's call whose completion was found. `refused_by` are the quality
    rules that refused answers of this handling, once per answer.
    """

    llm_calls: int
    spent: Spending
    unused: tuple[LlmCall, ...] = ()
    charges: tuple[Charge, ...] = ()
    found: tuple[FoundCall, ...] = ()
    refused_by: tuple[QualityRule, ...] = ()

    def with_call(self) -> "Usage":
        """Return the usage with one more call started."""
        return replace(self, llm_calls=self.llm_calls + 1)

    def with_spending(self, spent: Spending) -> "Usage":
        """Return the usage with the spending of an answer."""
        return replace(self, spent=self.spent + spent)

    def with_charges(self, charges: tuple[Charge, ...]) -> "Usage":
        """Return the usage with a call's charges to budgets."""
        return replace(self, charges=(*self.charges, *charges)) if charges else self

    def with_found(self, call: FoundCall) -> "Usage":
        """Return the usage with the completion of an earlier call that was found."""
        return replace(self, found=(*self.found, call))

    def with_unused(self, call: LlmCall, *, refused_by: tuple[QualityRule, ...] = ()) -> "Usage":
        """Return the usage with a call that did not lead to the post, and the quality rules that refused it."""
        return replace(self, unused=(*self.unused, call), refused_by=(*self.refused_by, *refused_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One LLM call as it was made; `number` counts the calls for its request, `prompt` is the whole prompt."""

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
    """A completion, its call, and its spending; `kept` is its row, if an earlier handling made the call."""

    call: Call
    completion: Completion
    spent: Spending
    kept: LlmCall | None = None

    @classmethod
    def to(cls, call: Call, completion: Completion, kept: LlmCall | None = None) -> "Answer":
        """Return the answer to a call with its spending: the tier that it names is billed, whichever was requested."""
        if completion.service_tier == FLEX and call.delivery == "live":
            call = replace(call, model=call.model.at_reduced_price(), delivery=FLEX)
        return cls(call=call, completion=completion, spent=spending(completion, call.model), kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A post to be stored, with the answer it came from.

    Its id is generated once, so that all attempts to store it are for the same row.
    """

    request: ClaimedRequest
    usage: Usage
    event: OverlayCompleted
    edited: EditedPost
    answer: Answer
    instagram_feed_id: UUID = field(default_factory=lambda: new_feed_id(datetime.now(UTC)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater:
    """No result yet; retry after `delay_s`; `attempts` are used up by then.

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
    """No result yet: a budget is spent until its period ends at `until`. It was spent at a limit of `limit`.

    `amount` is what the next call needs from it; None if a raise would not help.
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
    """There will be no post for this request; `reason` is the code in events and the ledger."""

    request: ClaimedRequest
    usage: Usage
    attempts: int
    reason: Reason
    detail: str


Outcome = Written | RetryLater | Held | Rejected


def usage_so_far(request: ClaimedRequest) -> Usage:
    """Return what earlier attempts used, for a handling that ends before its first call."""
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
    """Return the outcome for a retry decision."""
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
