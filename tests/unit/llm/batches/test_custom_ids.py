from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.batches.custom_ids import call_of, custom_id
from consumer.llm.chat import CallId

OVERLAY = "9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa"


@given(st.builds(CallId, st.uuids(), st.integers(1, 10**8), st.integers(1, 10**8)), st.booleans())
def test_a_key_names_its_call_in_either_form(call_id: CallId, letters_only: bool) -> None:  # noqa: FBT001 - drawn
    assert call_of(custom_id(call_id, letters_only=letters_only)) == call_id


def test_a_key_of_letters_fits_where_anthropic_takes_one() -> None:
    key = custom_id(CallId(uuid4(), 1_234, 56), letters_only=True)
    assert len(key) <= 64
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


@pytest.mark.parametrize("key", [None, 7, "", "unknown-1", f"{OVERLAY}/1", f"{OVERLAY}/x/1", f"{OVERLAY}/1/1/1"])
def test_a_key_of_nobodys_is_none(key: object) -> None:
    assert call_of(key) is None
