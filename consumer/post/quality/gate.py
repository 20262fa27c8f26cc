"""The rules in their order, and what each does by default.

A rule repairs, refuses or warns. What is refused is quoted to the model in the one repair call; a
warning is stored with the post. The names are a contract: settings and stored warnings use them.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from consumer.post.quality import amounts, contacts, dates, leaks, placeholders
from consumer.post.quality.banned import BannedWords
from consumer.post.quality.claims import ClaimList, load_claims
from consumer.post.quality.echoes import echoes_in
from consumer.post.quality.entities import damaged_passages, decode
from consumer.post.quality.language import Language
from consumer.post.quality.likeness import RecentPosts, fingerprint
from consumer.post.quality.markup import markup_left, to_plain_text
from consumer.post.quality.refusals import refusals_in
from consumer.post.quality.source import Source, folded
from consumer.post.quality.wrapping import unwrap
from schemas.post import InstagramPost, RawPost
from schemas.quality import SECTORS, QualityRule, Sector

Action = Literal["refuse", "warn"]

_NUMBER: Final = re.compile(r"\d|[공영][일]")
_MONEY: Final = re.compile(
    "[원₩￦$＄€£¥%％\uff05]|퍼센트|프로|달러|유로|엔|반값|반 값|할인|세일|가격|플러스|\\+|won|krw|usd", re.IGNORECASE
)
_MOST_QUOTED: Final = 5
_LONGEST_QUOTE: Final = 60


@dataclass(frozen=True, slots=True)
class Context:
    """What a post is judged by beside its own text."""

    source: Source
    sector: Sector = "none"
    disclosure: str = ""
    recent: RecentPosts | None = None


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


Repair = Callable[[RawPost], RawPost]
Check = Callable[[InstagramPost, Context], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A certain repair, a check for what cannot be repaired, or both; `problem` is a sentence for the model."""

    name: QualityRule
    problem: str
    check: Check
    repair: Repair | None = None
    by_default: Action = "refuse"


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
        """The post after every repair that is certain; one that needs none comes back as it is."""
        for repair in self._repairs:
            post = repair(post)
        return post

    def findings(self, post: InstagramPost, context: Context) -> list[Finding]:
        """All rules that the post breaks, in the order of the rules."""
        return [
            Finding(rule.name, rule.problem, passages)
            for rule in self._rules
            if (passages := tuple(rule.check(post, context)))
        ]

    def refuses(self, finding: Finding) -> bool:
        """Whether a post with this finding is not to be stored."""
        return finding.rule in self._refusing


def rules(*, language: str, our_texts: Iterable[str] = (), banned_words: Iterable[str] = ()) -> tuple[Rule, ...]:
    """All rules: repairs first in the order in which they build on each other, then checks.

    `our_texts`: the prompt's static texts, of which nothing may show.
    """
    return (
        Rule(
            "entities",
            "the text is damaged: it has escapes or replacement characters in place of letters.",
            lambda post, _: damaged_passages(post.instagram_ad_copy + post.hashtags),
            repair=_decoded,
        ),
        Rule(
            "markup",
            "the caption must be plain text, without Markdown and HTML.",
            lambda post, _: markup_left(post.instagram_ad_copy),
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
            lambda post, context: contacts.unknown_links(post.instagram_ad_copy, context.source),
        ),
        Rule(
            "phone",
            "the post names a phone number that no field of the advertisement holds; leave it out.",
            _if_digits(contacts.unknown_phones),
        ),
        Rule(
            "price",
            "the post names a price or discount that no field of the advertisement holds; leave it out.",
            _unknown_amounts,
        ),
        Rule(
            "date",
            "the post names a date that no field of the advertisement holds; leave it out.",
            _if_digits(_unknown_days),
        ),
        Rule(
            "mention",
            "the post names an account that no field of the advertisement names; leave it out.",
            lambda post, context: contacts.unknown_accounts(post.instagram_ad_copy, context.source),
        ),
        _leak_rule(leaks.OurTexts(our_texts)),
        Rule(
            "echo",
            "the caption repeats a field of the advertisement; write a post of your own from it.",
            lambda post, context: echoes_in(post.instagram_ad_copy, context.source),
        ),
        Rule(
            "refusal",
            "the caption holds an apology, a refusal or a question of yours in place of the post (refusal to write).",
            lambda post, context: refusals_in(post.instagram_ad_copy, context.source),
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
    same = (caption, hashtags) == (post.instagram_ad_copy, post.hashtags)
    return post if same else RawPost(caption, hashtags)


def _without_empty_tags(post: RawPost) -> RawPost:
    hashtags = placeholders.without_empty_tags(post.hashtags)
    return post if hashtags == post.hashtags else RawPost(post.instagram_ad_copy, hashtags)


def _placeholders(post: InstagramPost, context: Context) -> list[str]:
    return placeholders.placeholders_in(post.instagram_ad_copy, context.source) + placeholders.empty_tags(
        post.hashtags.split(), context.source
    )


def _if_digits(check: Callable[[str, Source], list[str]]) -> Check:
    def checked(post: InstagramPost, context: Context) -> list[str]:
        caption = post.instagram_ad_copy
        return check(caption, context.source) if _NUMBER.search(caption) else []

    return checked


def _unknown_amounts(post: InstagramPost, context: Context) -> list[str]:
    if not _MONEY.search(post.instagram_ad_copy):
        return []
    text = folded(post.instagram_ad_copy)
    known = context.source.amounts
    return (
        [written for written, value in amounts.prices_in(text) if value not in known.values]
        + [written for written, value in amounts.discounts_in(text) if value not in known.discounts]
        + [written for written, offer in amounts.offers_in(text) if offer not in known.offers]
    )


def _unknown_days(caption: str, source: Source) -> list[str]:
    return [written for written, day in dates.days_named(folded(caption)) if day not in source.days]


def _language_rule(tag: str) -> Rule:
    language = Language(tag)
    return Rule(
        "language",
        f'the caption is not in the language asked for ("{tag}"); write it in that language, names apart.',
        lambda post, context: language.foreign_passages(post.instagram_ad_copy, context.source),
    )


def _leak_rule(ours: leaks.OurTexts) -> Rule:
    def check(post: InstagramPost, context: Context) -> list[str]:
        text = f"{post.instagram_ad_copy}\n{post.hashtags}"
        return (
            leaks.own_signs_in(text, context.source)
            + ours.passages_in(text)
            + leaks.instructions_in(text, context.source)
        )

    return Rule(
        "leak", "the post holds a leak of your instructions or of technical tokens; write only the post.", check
    )


def _banned_rule(banned: BannedWords) -> Rule:
    return Rule(
        "banned",
        "the post holds words that are banned.",
        lambda post, _: banned.words_in(f"{post.instagram_ad_copy}\n{post.hashtags}"),
    )


def _claims_rule(language: str) -> Rule:
    """The list is Korean law in Korean words; posts in another language are not measured by it."""
    claims = load_claims()[1] if language.partition("-")[0] == "ko" else ()
    lists = {sector: ClaimList(claims, sector) for sector in SECTORS}
    return Rule(
        "claims",
        "the post makes claims that advertising law forbids: on disease, medicine, superlatives or comparisons.",
        lambda post, context: lists[context.sector].claims_in(
            f"{post.instagram_ad_copy}\n{post.hashtags}", context.source
        ),
        by_default="warn",
    )


def _likenesses(post: InstagramPost, context: Context) -> list[str]:
    if context.recent is None:
        return []
    return context.recent.likenesses(fingerprint(post.instagram_ad_copy, post.hashtags, context.source.store))
