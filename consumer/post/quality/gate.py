"""The gate: what a rule is, and what comes of the rules that are switched on.

A rule repairs, refuses or warns. What is refused is quoted to the model in the one repair call; a
warning is stored with the post.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from uuid import UUID

from pydantic_core import to_json

from consumer.post.quality.likeness import Fingerprint, RecentPosts, fingerprint
from consumer.post.quality.signs import SignFinder
from consumer.post.quality.source import Source, folded
from schemas.post import InstagramPost, RawPost
from schemas.quality import QualityRule, Sector

Action = Literal["repair", "refuse", "warn"]

_MOST_QUOTED: Final = 5
_LONGEST_QUOTE: Final = 60


@dataclass(frozen=True, slots=True)
class Context:
    """What a post is judged by beside its own text."""

    source: Source
    sector: Sector = "none"
    disclosure: str = ""
    recent: RecentPosts | None = None
    overlay_id: UUID | None = None


class Draft:
    """A post as the checks read it: as it is, and folded for those to whom spelling makes no difference."""

    def __init__(self, post: InstagramPost, source: Source, finder: SignFinder) -> None:
        """Fold and look for signs once for all checks."""
        self._source = source
        self.caption, self.hashtags = post.instagram_ad_copy, post.hashtags
        self.folded, self.folded_hashtags = folded(self.caption), folded(self.hashtags)
        self.all_folded = f"{self.folded}\n{self.folded_hashtags}"
        self.words = self.folded.split()
        self.signs = finder.found_in(self.all_folded)
        """Which of the rules' signs stand in the post."""

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What of the post is compared with the shop's others."""
        return fingerprint(self.folded, self.folded_hashtags, self._source.store_text)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a post breaks, and the passages that show it."""

    rule: QualityRule
    problem: str
    passages: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """The problem with its passages, for the model and for the shop's own eyes."""
        passages = ", ".join(f'"{passage[:_LONGEST_QUOTE]}"' for passage in self.passages[:_MOST_QUOTED] if passage)
        return f"{self.rule}: {self.problem}{f' Found: {passages}.' if passages else ''}"

    @property
    def told(self) -> str:
        """The problem without a word of the post, for logs and for events to others."""
        return f"{self.rule}: {self.problem}"


def quality_json(warnings: Iterable[Finding]) -> str:
    """Return warnings as they are stored with the post: a JSON array of rule and detail."""
    return to_json([{"rule": warning.rule, "detail": warning.quoted} for warning in warnings]).decode()


Repair = Callable[[RawPost], RawPost]
Check = Callable[[Draft, Context], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A certain repair, a check for what cannot be repaired, or both; `problem` is a sentence for the model.

    A rule that has signs is checked only where one of them stands in the folded post, unless it looks for more.
    It repairs only where one of `signs_to_repair` stands in the post without its capitals, caption before hashtags.
    """

    name: QualityRule
    problem: str
    check: Check
    repair: Repair | None = None
    signs_to_repair: frozenset[str] = frozenset()
    by_default: Literal["refuse", "warn"] = "refuse"
    signs: frozenset[str] = frozenset()
    needs_a_sign: bool = True

    @property
    def needed_signs(self) -> frozenset[str]:
        """The signs without any of which the check finds nothing; empty where it looks for more than signs."""
        return self.signs if self.needs_a_sign else frozenset()


class QualityGate:
    """The rules that are switched on."""

    def __init__(self, rules: Iterable[Rule], *, off: Collection[str] = (), refuse: Collection[str] = ()) -> None:
        self._rules = [rule for rule in rules if rule.name not in off]
        self._repairs = [(rule.repair, rule.signs_to_repair) for rule in self._rules if rule.repair]
        self._refusing = frozenset(
            rule.name for rule in self._rules if rule.by_default == "refuse" or rule.name in refuse
        )
        self._checks = [(rule, not rule.needed_signs) for rule in self._rules]
        # One for repairs and checks: a post that needs no repair has the same letters when it is checked.
        signs = frozenset().union(*(rule.signs | rule.signs_to_repair for rule in self._rules))
        self._finder = SignFinder(signs)
        self._named_by: dict[str, set[QualityRule]] = {sign: set() for sign in signs}
        """The rules that are to be checked where a sign stands."""
        for rule in self._rules:
            for sign in rule.needed_signs:
                self._named_by[sign].add(rule.name)
        self.compares_posts = any(rule.name == "similar" for rule in self._rules)

    def repaired(self, post: RawPost) -> RawPost:
        """Return the post after every repair that is certain; one that needs none comes back as it is."""
        signs = self._finder.found_in(_lower(post))
        for repair, needed in self._repairs:
            if not needed.isdisjoint(signs) and (repaired := repair(post)) is not post:
                post, signs = repaired, self._finder.found_in(_lower(repaired))
        return post

    def repairs(self, post: RawPost) -> list[QualityRule]:
        """Return the rules that would repair the post; none for one that is stored repaired."""
        names = []
        for rule in self._rules:
            repaired = rule.repair(post) if rule.repair else post
            if repaired != post:
                names.append(rule.name)
            post = repaired
        return names

    def draft(self, post: InstagramPost, source: Source) -> Draft:
        """Return a post as the checks read it."""
        return Draft(post, source, self._finder)

    def findings(self, draft: Draft, context: Context) -> list[Finding]:
        """Return all rules that the post breaks, in the order of the rules."""
        named = set[QualityRule]().union(*map(self._named_by.__getitem__, draft.signs))
        return [
            Finding(rule.name, rule.problem, tuple(passages))
            for rule, is_always_checked in self._checks
            if (is_always_checked or rule.name in named) and (passages := rule.check(draft, context))
        ]

    def refuses(self, finding: Finding) -> bool:
        """Return whether a post with this finding is not to be stored."""
        return finding.rule in self._refusing


def _lower(post: RawPost) -> str:
    return f"{post.instagram_ad_copy}\n{post.hashtags}".casefold()
