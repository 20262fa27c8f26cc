"""Judging a completion: a post that can be published, or the reason why not. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from consumer.llm.completion import Completion, Ending
from consumer.post.answer_reader import MalformedPost, read_post
from consumer.post.editor import EditedPost, Editor, PostRefused
from consumer.post.quality.gate import Context, QualityGate
from consumer.post.quality.rules import rules
from consumer.settings import PostSettings
from schemas.quality import QualityRule
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class CutOff:
    """The answer ran into the token limit."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Not the JSON asked for, or it breaks a rule.

    `problems` is for the model and may quote its post; `detail` is for logs and events and does not.
    `refused_by` names the quality rules that it breaks.
    """

    problems: str
    detail: str
    refused_by: tuple[QualityRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """The model or its filter refused to write this post; `reason` is the code."""

    reason: Reason
    detail: str


Verdict = EditedPost | CutOff | Unusable | Declined


def judge(completion: Completion, editor: Editor, context: Context) -> Verdict:
    """Judge an answer. One that ran into the token limit counts if its post is nevertheless complete."""
    if completion.refusal:
        return Declined(Reason.LLM_REFUSED, completion.refusal)
    if completion.ending is Ending.FILTERED:
        told = f"the provider's filter ended the answer ({completion.finish_reason})"
        return Declined(Reason.LLM_CONTENT_FILTERED, told)
    try:
        return editor.edited(read_post(completion.content), context)
    except MalformedPost as error:
        return CutOff() if completion.ending is Ending.CUT_OFF else Unusable(error.reason, error.reason)
    except PostRefused as refused:
        return Unusable(refused.problems, str(refused), tuple(finding.rule for finding in refused.findings))


def editor_from(settings: PostSettings, *, our_texts: Iterable[str]) -> Editor:
    """Build the editor for the settings; `our_texts` are texts of the prompt, which must not leak."""
    all_rules = rules(language=settings.feed_language, our_texts=our_texts, banned_words=settings.banned_words)
    return Editor(
        QualityGate(all_rules, off=settings.quality_off, refuse=settings.quality_refuse),
        max_hashtags=settings.max_hashtags,
        max_mentions=settings.max_mentions,
    )
