"""The rules in their order, and what each does by default.

Their names are a contract: settings and stored warnings use them.
"""

from collections.abc import Iterable
from typing import Literal

from consumer.post.quality import amounts, contacts, dates, hours, leaks, placeholders, refusals, shipping, wrapping
from consumer.post.quality.banned import BannedWords
from consumer.post.quality.claims import ClaimList, load_claims
from consumer.post.quality.echoes import echoes_in
from consumer.post.quality.entities import SIGNS_OF_DAMAGE, SIGNS_OF_ESCAPES, damaged_passages, decode
from consumer.post.quality.gate import Context, Draft, Rule
from consumer.post.quality.language import Language
from consumer.post.quality.markup import SIGNS_OF_MARKUP, SIGNS_OF_MARKUP_LEFT, markup_left, to_plain_text
from consumer.post.quality.source import Source
from schemas.post import RawPost
from schemas.quality import SECTORS


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
            signs_to_repair=SIGNS_OF_ESCAPES,
            signs=SIGNS_OF_DAMAGE,
        ),
        Rule(
            "markup",
            "the caption must be plain text, without Markdown and HTML.",
            lambda draft, _: markup_left(draft.caption),
            repair=lambda post: _with_caption(post, to_plain_text(post.instagram_ad_copy)),
            signs_to_repair=SIGNS_OF_MARKUP,
            signs=SIGNS_OF_MARKUP_LEFT,
        ),
        Rule(
            "quotes",
            "the caption must not stand in quotation marks or behind a label.",
            lambda *_: (),
            repair=lambda post: _with_caption(post, wrapping.unwrap(post.instagram_ad_copy)),
            signs_to_repair=wrapping.SIGNS,
        ),
        Rule(
            "placeholder",
            "no placeholder may stand in for something unknown; leave out what the fields do not say.",
            _placeholders,
            repair=_without_empty_tags,
            signs_to_repair=placeholders.SIGNS_OF_EMPTY_TAGS,
            signs=placeholders.SIGNS,
        ),
        _language_rule(language),
        Rule(
            "link",
            "the post names a link or mail address that no field of the advertisement holds; leave it out.",
            lambda draft, context: contacts.unknown_links(draft.folded, context.source, draft.signs),
            signs=contacts.SIGNS_OF_LINKS,
        ),
        Rule(
            "phone",
            "the post names a phone number that no field of the advertisement holds; leave it out.",
            lambda draft, context: contacts.unknown_phones(draft.folded, context.source, draft.signs),
            signs=contacts.SIGNS_OF_PHONES,
            needs_a_sign=False,
        ),
        Rule(
            "price",
            "the post names a price or discount that no field of the advertisement holds; leave it out.",
            _unknown_amounts,
            signs=amounts.SIGNS,
        ),
        Rule(
            "date",
            "the post names a date that no field of the advertisement holds; leave it out.",
            _unknown_days,
            signs=dates.SIGNS,
        ),
        Rule(
            "hours",
            "the post names opening hours or days off that no field of the advertisement holds; leave them out.",
            lambda draft, context: hours.unknown_hours(draft.folded, context.source.text, draft.signs),
            signs=hours.SIGNS,
        ),
        Rule(
            "shipping",
            "the post promises free or same-day delivery, which no field of the advertisement does; leave it out.",
            lambda draft, context: shipping.unknown_promises(draft.all_folded, context.source.text),
            signs=shipping.SIGNS,
        ),
        Rule(
            "mention",
            "the post names an account that no field of the advertisement names; leave it out.",
            lambda draft, context: contacts.unknown_accounts(draft.folded, context.source),
            signs=contacts.SIGNS_OF_ACCOUNTS,
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
            lambda draft, context: refusals.refusals_in(draft.folded, context.source, draft.signs),
            signs=refusals.SIGNS,
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
    return placeholders.placeholders_in(draft.caption, context.source, draft.signs) + placeholders.empty_tags(
        draft.hashtags.split(), context.source, draft.signs
    )


def _unknown_amounts(draft: Draft, context: Context) -> list[str]:
    text = draft.folded
    source = context.source
    return (
        [
            written
            for written, value in amounts.prices_in(text, draft.signs)
            if not _says(source, written, value, "values")
        ]
        + [
            written
            for written, value in amounts.discounts_in(text, draft.signs)
            if not _says(source, written, value, "discounts")
        ]
        + [written for written, offer in amounts.offers_in(text, draft.signs) if offer not in source.amounts.offers]
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
            leaks.own_signs_in(text, context.source, draft.signs)
            + ours.passages_in(text, draft.words)
            + leaks.instructions_in(text, context.source)
        )

    return Rule(
        "leak",
        "the post holds a leak of your instructions or of technical tokens; write only the post.",
        check,
        signs=leaks.SIGNS_OF_TOKENS,
        needs_a_sign=False,
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
        lambda draft, context: lists[context.sector].claims_in(draft.all_folded, context.source, draft.signs),
        by_default="warn",
        signs=frozenset().union(*(claim_list.signs for claim_list in lists.values())),
    )


def _likenesses(draft: Draft, context: Context) -> list[str]:
    if context.recent is None:
        return []
    return context.recent.likenesses(draft.fingerprint, context.overlay_id)
