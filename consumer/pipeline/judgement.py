"""Judging a completion: a post that can be stored, or why it is none. Pure."""

from dataclasses import dataclass

from consumer.llm.completion import Completion
from consumer.post.instagram_rules import RuleBroken, apply_rules
from schemas.post import InstagramPost, MalformedPost, parse_post
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Usable:
    """A post within Instagram's limits."""

    post: InstagramPost


@dataclass(frozen=True, slots=True)
class CutOff:
    """The answer ran into the token limit."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Not the JSON asked for, or it breaks a rule; `problems` can be quoted to the model."""

    problems: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The model or its filter will not write this post; `reason` is its code."""

    reason: Reason
    detail: str


Verdict = Usable | CutOff | Unusable | Declined


def judge(completion: Completion, *, max_hashtags: int) -> Verdict:
    """What to make of an answer."""
    if completion.refusal:
        return Declined(Reason.LLM_REFUSED, completion.refusal)
    if completion.finish_reason == "content_filter":
        return Declined(Reason.LLM_CONTENT_FILTERED, "the provider's content filter cut the answer")
    if completion.finish_reason == "length":
        return CutOff()
    try:
        return Usable(apply_rules(parse_post(completion.content), max_hashtags=max_hashtags))
    except (MalformedPost, RuleBroken) as error:
        return Unusable(str(error))
