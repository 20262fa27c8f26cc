"""From what a model wrote to a post that can be published, or to what is wrong with it.

Certain repairs first, then Instagram's limits, then the quality gate. The tenant's disclosure is
put in front by code, so that no model can forget it, and counts among the hashtags.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consumer.post.caption import clean_caption
from consumer.post.hashtags import hashtags_in_list
from consumer.post.instagram_rules import RuleBroken, apply_rules, undisclosed
from consumer.post.quality.gate import Action, Context, Finding, QualityGate
from consumer.post.quality.likeness import Fingerprint
from schemas.post import InstagramPost, RawPost
from schemas.quality import QualityRule

_MAX_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class EditedPost:
    """A post to be stored, and what the gate makes of it."""

    post: InstagramPost
    warnings: tuple[Finding, ...] = ()
    fingerprint: Fingerprint | None = None
    """What the shop's later posts are compared with, if they are compared."""


class PostRefused(Exception):
    """The post must not be published as it is, and no certain repair helps."""

    def __init__(self, limits: Iterable[str], findings: Iterable[Finding]) -> None:
        """Take the limits it breaks and the rules that refuse it."""
        limits, self.findings = tuple(limits), tuple(findings)
        self.problems = " ".join((*limits, *(finding.quoted for finding in self.findings)))
        """Sentences to quote to the model, with passages of its post."""
        super().__init__(" ".join((*limits, *(finding.told for finding in self.findings))))


class Editor:
    """Edits posts by one set of limits and rules; knows nothing of any event."""

    def __init__(self, gate: QualityGate, *, max_hashtags: int, max_mentions: int) -> None:
        self._gate = gate
        self._max_hashtags = max_hashtags
        self._max_mentions = max_mentions

    @property
    def compares_posts(self) -> bool:
        """Whether it is of use to know the tenant's last posts."""
        return self._gate.compares_posts

    def edited(self, written: RawPost, context: Context) -> EditedPost:
        """Return the post as it is to be stored.

        Raises:
            PostRefused: with all that is wrong at once, since there is one repair call.
        """
        repaired = self._repaired(written)
        broken: tuple[str, ...] = ()
        try:
            post = self._within_limits(repaired, context)
        except RuleBroken as error:
            post, broken = _as_far_as_it_goes(repaired), error.problems
        draft = self._gate.draft(without_disclosure(post, context.disclosure), context.source)
        findings = self._gate.findings(draft, context)
        refused = [finding for finding in findings if self._gate.refuses(finding)]
        if broken or refused:
            raise PostRefused(broken, refused)
        return EditedPost(post, tuple(findings), draft.fingerprint if context.recent is not None else None)

    def _repaired(self, post: RawPost) -> RawPost:
        """Repair until nothing is left to repair: what one repair uncovers is the next one's."""
        for _ in range(_MAX_ROUNDS):
            caption = clean_caption(post.instagram_ad_copy)
            cleaned = post if caption == post.instagram_ad_copy else RawPost(caption, post.hashtags)
            repaired = self._gate.repaired(cleaned)
            if repaired is post:
                break
            post = repaired
        return post

    def verdicts(self, stored: InstagramPost, context: Context) -> list[tuple[QualityRule, Action, str]]:
        """Return what each rule would do with a stored post, were it written now; the text tells of it."""
        post = without_disclosure(stored, context.disclosure)
        raw = RawPost(post.instagram_ad_copy, post.hashtags)
        repairs, repaired = self._gate.repairs(raw), _as_far_as_it_goes(self._repaired(raw))
        return [(rule, "repair", f"{rule}: the text would be rewritten.") for rule in repairs] + [
            (finding.rule, "refuse" if self._gate.refuses(finding) else "warn", finding.quoted)
            for finding in self._gate.findings(self._gate.draft(repaired, context.source), context)
        ]

    def _within_limits(self, post: RawPost, context: Context) -> InstagramPost:
        return apply_rules(
            post,
            max_hashtags=self._max_hashtags,
            max_mentions=self._max_mentions,
            disclosure=context.disclosure,
        )


def without_disclosure(post: InstagramPost, disclosure: str) -> InstagramPost:
    """Return the post as it was written: what the code adds is not the model's."""
    if not disclosure:
        return post
    return InstagramPost(undisclosed(post.instagram_ad_copy, disclosure), post.hashtags)


def _as_far_as_it_goes(post: RawPost) -> InstagramPost:
    """Read a post that breaks a limit for what else is wrong with it."""
    return InstagramPost(clean_caption(post.instagram_ad_copy), " ".join(hashtags_in_list(post.hashtags)))
