"""The rules in their order, and what each does by default.

A rule repairs, refuses or warns. What is refused is quoted to the model in the one repair call; a
warning is stored with the post. The names are a contract: settings and stored warnings use them.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from uuid import UUID

from pydantic_core import to_json

from consumer.post.quality import amounts, contacts, dates, leaks, placeholders
from consumer.post.quality.banned import BannedWords
from consumer.post.quality.claims import ClaimList, load_claims
from consumer.post.quality.echoes import echoes_in
from consumer.post.quality.entities import damaged_passages, decode
from consumer.post.quality.language import Language
from consumer.post.quality.likeness import Fingerprint, RecentPosts, fingerprint
from consumer.post.quality.markup import markup_left, to_plain_text
from consumer.post.quality.refusals import refusals_in
from consumer.post.quality.source import Source, folded
from consumer.post.quality.wrapping import unwrap
from schemas.post import InstagramPost, RawPost
from schemas.quality import SECTORS, QualityRule, Sector

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

    def __init__(self, post: InstagramPost, source: Source) -> None:
        """Fold once for all checks."""
        self._source = source
        self.caption, self.hashtags = post.instagram_ad_copy, post.hashtags
        self.folded, self.folded_hashtags = folded(self.caption), folded(self.hashtags)
        self.all_folded = f"{self.folded}\n{self.folded_hashtags}"
        self.words = self.folded.split()

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What of the post is compared with the shop's others."""
        return fingerprint(self.folded, self.folded_hashtags, self._source.store_words)


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
Check = Callable[[Draft, Context], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A certain repair, a check for what cannot be repaired, or both; `problem` is a sentence for the model."""

    name: QualityRule
    problem: str
    check: Check
    repair: Repair | None = None
    by_default: Literal["refuse", "warn"] = "refuse"


class QualityGate:
    """The rules that are switched on."""

    def __init__(self, rules: Iterable[Rule], *, off: Collection[str] = (), refuse: Collection[str] = ()) -> None:
        self._rules = [rule for rule in rules if rule.name not in off]
        self._repairs = [rule.repair for rule in self._rules if rule.repair]
        self._refusing = frozenset(
            rule.name for rule in self._rules if rule.by_default == "refuse" or rule.name in refuse
        )
        self.compares_posts = any(rule.name == "similar" for rule in self._rules)

    def repaired(self, post: RawPost) -> RawPost:
        """Return the post after every repair that is certain; one that needs none comes back as it is."""
        for repair in self._repairs:
            post = repair(post)
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

    def findings(self, draft: Draft, context: Context) -> list[Finding]:
        """Return all rules that the post breaks, in the order of the rules."""
        return [
            Finding(rule.name, rule.problem, passages)
            for rule in self._rules
            if (passages := tuple(rule.check(draft, context)))
        ]

    def refuses(self, finding: Finding) -> bool:
        """Return whether a post with this finding is not to be stored."""
        return finding.rule in self._refusing


def rules(*, language: str, our_texts: Iterable[str] = (), banned_words: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Return all rules: repairs first in the order in which they build on each other, then checks.

    `our_texts`: the prompt's static texts, of which nothing may show.
    """
    return (
        Rule(
            "entities",
            "the text is damaged: it has escapes or replacement characters in place of letters.",
            lambda draft, _: damaged_passages(draft.caption + draft.hashtags),
            repair=_decoded,
        ),
        Rule(
            "markup",
            "the caption must be plain text, without Markdown and HTML.",
            lambda draft, _: markup_left(draft.caption),
            repair=lambda post: _with_caption(post, to_plain_text(post.instagram_ad_copy)),
        ),
        Rule(
            "quotes",
            "the caption must not stand in quotation marks or behind a label.",
            lambda *_: (),
            repair=lambda post: _with_caption(post, unwrap(post.instagram_ad_copy)),
        ),
        Rule(
            "placeholder",
            "no placeholder may stand in for something unknown; leave out what the fields do not say.",
            _placeholders,
            repair=_without_empty_tags,
        ),
        _language_rule(language),
        Rule(
            "link",
            "the post names a link or mail address that no field of the advertisement holds; leave it out.",
            lambda draft, context: contacts.unknown_links(draft.folded, context.source),
        ),
        Rule(
            "phone",
            "the post names a phone number that no field of the advertisement holds; leave it out.",
            lambda draft, context: contacts.unknown_phones(draft.folded, context.source),
        ),
        Rule(
            "price",
            "the post names a price or discount that no field of the advertisement holds; leave it out.",
            _unknown_amounts,
        ),
        Rule(
            "date",
            "the post names a date that no field of the advertisement holds; leave it out.",
            _unknown_days,
        ),
        Rule(
            "mention",
            "the post names an account that no field of the advertisement names; leave it out.",
            lambda draft, context: contacts.unknown_accounts(draft.folded, context.source),
        ),
        _leak_rule(leaks.OurTexts(our_texts)),
        Rule(
            "echo",
            "the caption repeats a field of the advertisement; write a post of your own from it.",
            lambda draft, context: echoes_in(draft.words, context.source),
        ),
        Rule(
            "refusal",
            "the caption holds an apology, a refusal or a question of yours in place of the post (refusal to write).",
            lambda draft, context: refusals_in(draft.folded, context.source),
        ),
        _banned_rule(BannedWords(banned_words)),
        _claims_rule(language),
        Rule(
            "similar",
            "the post is too much like one of the shop's last posts; begin and word it differently.",
            _likenesses,
            by_default="warn",
        ),
    )


def _with_caption(post: RawPost, caption: str) -> RawPost:
    return post if caption == post.instagram_ad_copy else RawPost(caption, post.hashtags)


def _decoded(post: RawPost) -> RawPost:
    caption, hashtags = decode(post.instagram_ad_copy), decode(post.hashtags)
    is_same = caption == post.instagram_ad_copy and hashtags == post.hashtags
    return post if is_same else RawPost(caption, hashtags)


def _without_empty_tags(post: RawPost) -> RawPost:
    hashtags = placeholders.without_empty_tags(post.hashtags)
    return post if hashtags == post.hashtags else RawPost(post.instagram_ad_copy, hashtags)


def _placeholders(draft: Draft, context: Context) -> list[str]:
    return placeholders.placeholders_in(draft.caption, context.source) + placeholders.empty_tags(
        draft.hashtags.split(), context.source
    )


def _unknown_amounts(draft: Draft, context: Context) -> list[str]:
    text = draft.folded
    source = context.source
    return (
        [written for written, value in amounts.prices_in(text) if not _says(source, written, value, "values")]
        + [written for written, value in amounts.discounts_in(text) if not _says(source, written, value, "discounts")]
        + [written for written, offer in amounts.offers_in(text) if offer not in source.amounts.offers]
    )


def _says(source: Source, written: str, value: float, kind: Literal["values", "discounts"]) -> bool:
    """Return whether a field has the same words, or else the same value."""
    return f" {written}" in source.text or value in getattr(source.amounts, kind)


def _unknown_days(draft: Draft, context: Context) -> list[str]:
    return [written for written, day in dates.days_named(draft.folded) if day not in context.source.days]


def _language_rule(tag: str) -> Rule:
    language = Language(tag)
    return Rule(
        "language",
        f'the caption is not in the language asked for ("{tag}"); write it in that language, names apart.',
        lambda draft, context: language.foreign_passages(draft.caption, context.source),
    )


def _leak_rule(ours: leaks.OurTexts) -> Rule:
    def check(draft: Draft, context: Context) -> list[str]:
        text = draft.all_folded
        return (
            leaks.own_signs_in(text, context.source)
            + ours.passages_in(text, draft.words)
            + leaks.instructions_in(text, context.source)
        )

    return Rule(
        "leak", "the post holds a leak of your instructions or of technical tokens; write only the post.", check
    )


def _banned_rule(banned: BannedWords) -> Rule:
    return Rule(
        "banned",
        "the post holds words that are banned.",
        lambda draft, _: banned.words_in(draft.all_folded),
    )


def _claims_rule(language: str) -> Rule:
    """Return the rule on claims, for Korean posts alone: its list is Korean law in Korean words."""
    claims = load_claims()[1] if language.partition("-")[0] == "ko" else ()
    lists = {sector: ClaimList(claims, sector) for sector in SECTORS}
    return Rule(
        "claims",
        "the post makes claims that advertising law forbids: on disease, medicine, superlatives or comparisons.",
        lambda draft, context: lists[context.sector].claims_in(draft.all_folded, context.source),
        by_default="warn",
    )


def _likenesses(draft: Draft, context: Context) -> list[str]:
    if context.recent is None:
        return []
    return context.recent.likenesses(draft.fingerprint, context.overlay_id)
