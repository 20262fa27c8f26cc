"""The list of forbidden claims: whatever helps to look quickly must not miss one."""

import random
import re

import pytest

from consumer.post.quality.claims import ClaimList, load_claims
from consumer.post.quality.signs import SignFinder
from consumer.post.quality.source import Source
from schemas.quality import SECTORS, Sector
from tests.support.quality import Fields

INNERMOST = re.compile(r"\(([^()]*)\)")
SPACES = ("", " ", "\n")
GAPS = ("", " ", "가나 ", "abc")


def text_of(pattern: str, draw: random.Random) -> str:
    """Write one of the texts that a pattern stands for."""
    while choices := INNERMOST.search(pattern):
        pattern = pattern[: choices.start()] + draw.choice(choices[1].split("|")) + pattern[choices.end() :]
    spaced = (draw.choice(SPACES) if letter == " " else letter for letter in pattern.removeprefix("^").lower())
    return "".join(draw.choice(GAPS) if letter == "…" else letter for letter in spaced)


@pytest.mark.parametrize("sector", SECTORS)
def test_each_pattern_of_the_list_is_found_in_every_text_that_it_stands_for(sector: Sector) -> None:
    draw = random.Random(3)
    claims = [claim for claim in load_claims()[1] if {"none", sector} & set(claim.sectors)]
    texts = [f"오늘의 {text_of(pattern, draw)}!" for claim in claims for pattern in claim.patterns for _ in range(8)]
    found = ClaimList(claims, sector)
    signs = SignFinder(found.signs)
    source = Source(Fields())
    missed = [text for text in texts if not found.claims_in(text, source, signs.found_in(text))]
    assert len(texts) > 1_000
    assert missed == []


def test_a_claim_of_the_shop_s_own_fields_is_the_shop_s_to_answer_for() -> None:
    found = ClaimList(load_claims()[1], "none")
    assert found.claims_in("국내 최고의 원두", Source(Fields())) != []
    assert (
        found.claims_in("국내 최고의 원두", Source(Fields(product_description="국내 최고의 원두를 담았습니다."))) == []
    )
