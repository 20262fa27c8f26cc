"""What can go wrong with a call, and the rules that say which calls it happens to."""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, JsonValue, TypeAdapter

from devstack.simulated_llm.answer_shapes import AnswerShape
from devstack.simulated_llm.batch_faults import BatchFault
from devstack.simulated_llm.fault_rule import Rule, Seconds
from devstack.simulated_llm.seeded import quantile

AnswerFaultKind = Literal[
    "invalid_json_content",
    "schema_violation",
    "length",
    "content_filter",
    "refusal",
]
PostFaultKind = Literal[
    "hashtags_31",
    "caption_3000",
    "many_mentions",
    "nul_character",
    "empty_caption",
]
PlainErrorKind = Literal[
    "insufficient_quota",
    "unauthorized",
    "forbidden",
    "bad_request",
    "server_error_500",
    "conflict_409",
    "timeout_408",
]


class PlainError(Rule):
    """An error status with nothing to set."""

    kind: PlainErrorKind


class ModelNotFound(Rule):
    """404 for a model that exists."""

    kind: Literal["model_not_found"]


class RateLimited(Rule):
    """429 with the wait in either spelling of Retry-After, both, or none."""

    kind: Literal["rate_limited"]
    retry_after_s: Seconds = 1.0
    retry_after_header: Literal["both", "retry-after", "retry-after-ms", "none"] = "both"


class Unavailable(Rule):
    """503, with Retry-After where ``retry_after_s`` is given."""

    kind: Literal["unavailable_503"]
    retry_after_s: Seconds | None = None


class Hang(Rule):
    """No answer for ``hang_s``, then a late one; without ``hang_s`` none at all, and no bill."""

    kind: Literal["hang"]
    hang_s: Seconds | None = None


class ConnectionReset(Rule):
    """A TCP reset, after the completion was generated and billed or before."""

    kind: Literal["connection_reset"]
    after_generation: bool = True


class TruncatedBody(Rule):
    """Half a body: the connection ends early or, if ``valid_http``, the length is the half's."""

    kind: Literal["truncated_body"]
    valid_http: bool = False


class HtmlPage(Rule):
    """Status 200 with a web page, as captive portals and proxies send."""

    kind: Literal["html_200"]


class ContentFault(Rule):
    """A whole and well-formed completion whose content is not what was asked for."""

    kind: AnswerFaultKind | PostFaultKind


class ShapedAnswer(Rule):
    """A good post in a shape of other models and gateways; without ``shape`` each call draws one that tells all."""

    kind: Literal["shaped_answer"]
    shape: AnswerShape | None = None


class HttpError(Rule):
    """Any status, body and headers in place of a completion, never billed; a ``body`` that is text is sent as text."""

    kind: Literal["http_error"]
    status: Annotated[int, Field(ge=200, le=599)]
    body: JsonValue = None
    headers: dict[str, str] = Field(default_factory=dict)


class FlexFault(Rule):
    """A call at the flex tier finds no room (429), or is served at the default tier and price; others go well."""

    kind: Literal["flex_unavailable", "flex_at_default_tier"]


FaultRule = Annotated[
    PlainError
    | ModelNotFound
    | RateLimited
    | Unavailable
    | Hang
    | ConnectionReset
    | TruncatedBody
    | HtmlPage
    | ContentFault
    | ShapedAnswer
    | HttpError
    | FlexFault
    | BatchFault,
    Field(discriminator="kind"),
]
FAULT_RULES: TypeAdapter[list[FaultRule]] = TypeAdapter(list[FaultRule])


class CallIdentity(NamedTuple):
    """What tells one call from another, whatever the order they arrive in.

    ``key`` is the client's request id or, without one, a digest of the request; ``occurrence``
    tells calls with one key apart, from 1.
    """

    key: str
    occurrence: int
    attempt: int | None

    def draw(self, seed: int, purpose: str) -> float:
        """Return this call's own draw from (0, 1) for one purpose."""
        return quantile(seed, purpose, self.key, str(self.occurrence))


class FaultPlan:
    """The rules of one account in their order; the first that applies to a call decides."""

    def __init__(self, rules: Sequence[FaultRule] = ()) -> None:
        self.rules: list[FaultRule] = list(rules)
        self._matched = [0] * len(self.rules)

    def pick(self, seed: int, call: CallIdentity, user_text: str) -> FaultRule | None:
        """Return the fault of this call, or None."""
        rules = enumerate(self.rules)
        mine = ((index, rule) for index, rule in rules if not isinstance(rule, BatchFault))
        return next((rule for index, rule in mine if self._applies(index, rule, seed, call, user_text)), None)

    def of_batch(self, seed: int, batch: CallIdentity, text: str, kinds: Collection[str]) -> Iterator[BatchFault]:
        """Return all faults of these kinds that this batch has now."""
        for index, rule in enumerate(self.rules):
            if isinstance(rule, BatchFault) and rule.kind in kinds and self._applies(index, rule, seed, batch, text):
                yield rule

    def _applies(self, index: int, rule: FaultRule, seed: int, call: CallIdentity, text: str) -> bool:
        if not _matches(rule, call, text):
            return False
        self._matched[index] += 1
        if rule.first is not None and self._matched[index] > rule.first:
            return False
        return rule.rate == 1 or call.draw(seed, f"fault {index}") < rule.rate


def _matches(rule: FaultRule, call: CallIdentity, user_text: str) -> bool:
    if rule.attempts is not None and call.attempt not in rule.attempts:
        return False
    return rule.match is None or rule.match in call.key or rule.match in user_text
