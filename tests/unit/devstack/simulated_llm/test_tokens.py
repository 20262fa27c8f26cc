from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.tokens import count_tokens, cut_to_tokens


def test_hangul_takes_more_tokens_than_as_many_latin_letters() -> None:
    assert count_tokens("가" * 160) == 100
    assert count_tokens("a" * 160) == 40


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens(text: str, more: str) -> None:
    assert count_tokens(text) <= count_tokens(text + more)


@given(st.text(min_size=1), st.integers(min_value=0, max_value=30))
def test_a_cut_text_is_the_longest_prefix_within_the_limit(text: str, limit: int) -> None:
    cut = cut_to_tokens(text, limit)
    assert text.startswith(cut)
    assert count_tokens(cut) <= limit
    assert cut == text or count_tokens(text[: len(cut) + 1]) > limit
