"""Hand-labelled Korean captions: half against a rule, half that a shop would be glad to publish."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consumer.post.editor import Editor, PostRefused
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context, QualityGate
from consumer.post.quality.rules import rules
from consumer.post.quality.source import Fields, Source
from schemas.post import RawPost
from schemas.quality import Sector

FIXTURES = Path(__file__).parents[3] / "fixtures"
SHOPS: dict[str, dict[str, str]] = json.loads((FIXTURES / "captions_shops.json").read_text(encoding="utf-8"))
SECTORS: dict[str, Sector] = {
    "roastery": "food",
    "bakery": "food",
    "tea": "food",
    "cafe": "food",
    "cosmetics": "cosmetics",
}
REPAIRING = {"markup", "entities", "quotes"}


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()]


LABELLED = lines("captions.jsonl")
CASES = lines("quality_cases.jsonl")


@cache
def editor() -> Editor:
    template = PromptTemplate(language="ko", max_hashtags=5)
    return Editor(QualityGate(rules(language="ko", our_texts=template.static_texts)), max_hashtags=5, max_mentions=3)


def what_is_found(shop: str, caption: str, hashtags: str) -> set[str]:
    """The rules that refuse, warn or repair; a repair is known by its result alone."""
    fields = cast("Fields", SimpleNamespace(**SHOPS[shop]))
    try:
        edited = editor().edited(RawPost(caption, hashtags), Context(Source(fields), SECTORS.get(shop, "none")))
    except PostRefused as refused:
        return {finding.rule for finding in refused.findings} or {"limits"}
    found: set[str] = {warning.rule for warning in edited.warnings}
    is_same = (edited.post.instagram_ad_copy, edited.post.hashtags) == (caption, hashtags)
    return found if is_same else found | REPAIRING


def test_at_least_nine_in_ten_of_a_hundred_bad_captions_are_found_by_their_rule() -> None:
    bad = [case for case in LABELLED if case["breaks"]]
    missed = [case for case in bad if case["breaks"] not in what_is_found(*texts(case))]
    assert len(bad) == 100
    assert len(missed) <= 10, missed


def test_at_most_two_in_a_hundred_good_captions_raise_an_alarm() -> None:
    good = [case for case in LABELLED if not case["breaks"]]
    alarms = [case for case in good if what_is_found(*texts(case))]
    assert len(good) == 100
    assert len(alarms) <= 2, alarms


def texts(case: dict[str, Any]) -> tuple[str, str, str]:
    return case["shop"], case["caption"], case["hashtags"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["caption"][:30])
def test_further_cases_of_each_kind(case: dict[str, Any]) -> None:
    found = what_is_found("cafe", case["caption"], "#봄 #딸기케이크")
    assert (case["rule"] in found) if case["rule"] else (not found)
