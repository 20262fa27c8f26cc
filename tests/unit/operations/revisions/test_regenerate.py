from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.revisions.regenerate import ask_again, estimated_cost_usd
from consumer.operations.revisions.revision_source import CannotRevise
from consumer.post.prompt import BUILT_IN_INSTRUCTION
from repository.operations.revision_source import RevisionSource, SourcePosition
from schemas.codec import decode_overlay_completed
from tests.support.examples import llm_model, stored_feed

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)


def basis(**changes: object) -> RevisionSource:
    return RevisionSource(
        feed=stored_feed(**changes),
        is_current=True,
        newest_revision=1,
        pending_revision=None,
        source=SourcePosition("overlay.completed", 3, 41, 1_793_520_000_000),
        prices=llm_model().prices,
    )


INPUTS = st.fixed_dictionaries(
    {
        "refined_ad_copy_eng": TEXTS,
        "tone_style": TEXTS,
        "product_description": TEXTS,
        "store_information": TEXTS,
        "gpt_prompt": TEXTS | st.just(""),
        "job_id": st.none() | st.uuids(),
    }
)


@given(INPUTS)
def test_the_event_put_together_again_says_what_the_post_was_written_from(inputs: dict[str, object]) -> None:
    one = basis(**inputs)

    asked = ask_again(one, now=NOW)

    event = decode_overlay_completed(asked.source, max_event_bytes=262_144)
    assert {name: getattr(event, name) for name in inputs} == inputs
    assert (event.overlay_id, event.tenant_id) == (one.feed.overlay_id, one.feed.tenant_id)
    assert (event.event_id, event.occurred_at) == (one.feed.source_event_id, NOW)
    assert asked.event_id == one.feed.source_event_id


def test_it_lies_where_the_first_event_lay() -> None:
    source = ask_again(basis(), now=NOW).source
    assert (source.topic, source.partition, source.offset) == ("overlay.completed", 3, 41)


@pytest.mark.parametrize("source", [None, SourcePosition("", -1, -1, 1_793_520_000_000)])
def test_of_a_post_from_before_the_ledger_nothing_is_made_up(source: SourcePosition | None) -> None:
    asked = ask_again(replace(basis(source_event_id=None), source=source), now=NOW)
    assert (asked.source.topic, asked.source.partition, asked.source.offset) == ("unknown", -1, -1)
    assert asked.event_id == "unknown"


def test_where_the_built_in_instruction_counted_that_of_today_counts() -> None:
    asked = ask_again(basis(gpt_prompt=BUILT_IN_INSTRUCTION), now=NOW)
    assert decode_overlay_completed(asked.source, max_event_bytes=262_144).gpt_prompt == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"tone_style": ""}, "tone_style"), ({"overlay_id": None}, "has no overlay"), ({"tenant_id": ""}, "tenant_id")],
)
def test_a_post_that_the_contract_of_today_refuses_says_why(changes: dict[str, object], why: str) -> None:
    with pytest.raises(CannotRevise, match=why):
        ask_again(basis(**changes), now=NOW)


def test_an_overlay_in_progress_is_not_asked_for_again() -> None:
    with pytest.raises(CannotRevise, match="revision 2 in progress"):
        ask_again(replace(basis(overlay_id=uuid4()), pending_revision=2), now=NOW)


def test_the_estimate_counts_cached_tokens_at_their_own_price_as_the_call_itself_did() -> None:
    usage = '{"prompt_tokens": 2000, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1024}}'
    # 976 * 0.15 + 1024 * 0.075 + 300 * 0.60 = 403.2 millionths of a dollar, like that call by hand in test_cost
    assert estimated_cost_usd(basis(token_usage=usage)) == Decimal("0.0004032")


def test_without_usage_the_estimate_goes_by_the_row_and_without_that_it_is_0() -> None:
    assert estimated_cost_usd(basis(token_usage=None, prompt_tokens=500, completion_tokens=200)) == Decimal("0.000195")
    assert estimated_cost_usd(basis(token_usage=None, prompt_tokens=None, completion_tokens=None)) == 0
