"""Letters of a script are counted by blocks of characters, with the same result as one by one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.post.quality.letters import letters_of

SCRIPTS = [
    "가-\ud7ff\u1100-\u11ff\u3131-\u318e",
    "A-Za-z\u00c0-\u00d6",
    "\u4e00-\u9fff\U00020000-\U0003ffff",
    "\u0400-\u052f",
]
texts = st.text(st.sampled_from("가힣히ㅋᄀa Zé語𠀋😀ж1\n\ud83d") | st.characters())


@pytest.mark.parametrize("script", SCRIPTS)
@given(text=texts)
def test_letters_are_counted_as_if_one_by_one(script: str, text: str) -> None:
    assert letters_of(script).count(text) == len(re.findall(f"[{script}]", text))
