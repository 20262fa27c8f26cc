"""The answers reported from the field that are about the post itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.post.answer_reader import read_post
from consumer.post.editor import Editor, PostRefused
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import QualityGate
from consumer.post.quality.rules import rules
from tests.support.quality import context

ANSWERS = Path(__file__).parents[3] / "fixtures" / "field" / "answers.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in ANSWERS.read_text(encoding="utf-8").splitlines()]
REPAIRED = [case for case in CASES if {"caption", "hashtags"} & set(case["want"])]
REFUSED = [case for case in CASES if case["want"].get("repair_quotes", "more than one post") != "more than one post"]

TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)
EDITOR = Editor(QualityGate(rules(language="ko", our_texts=TEMPLATE.static_texts)), max_hashtags=5, max_mentions=3)


@pytest.mark.parametrize("case", REPAIRED, ids=lambda case: case["case"])
def test_what_can_be_repaired_is_stored_repaired(case: dict[str, Any]) -> None:
    post = EDITOR.edited(read_post(case["message"]["content"]), context()).post
    want = case["want"]
    assert post.instagram_ad_copy == want.get("caption", post.instagram_ad_copy)
    assert post.hashtags == want.get("hashtags", post.hashtags)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["case"])
def test_what_cannot_be_repaired_is_quoted_by_its_kind(case: dict[str, Any]) -> None:
    with pytest.raises(PostRefused) as refused:
        EDITOR.edited(read_post(case["message"]["content"]), context())
    assert case["want"]["repair_quotes"] in refused.value.problems
