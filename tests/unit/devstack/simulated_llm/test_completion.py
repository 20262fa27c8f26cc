from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.completion import Answer
from devstack.simulated_llm.content_faults import REFUSAL


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_an_answer_never_exceeds_its_token_limit(content: str, limit: int) -> None:
    answer = Answer(content)
    limited = answer.limited_to(limit)
    assert limited.tokens <= limit
    assert limited.finish_reason == ("length" if answer.tokens > limit else "stop")


def test_without_a_limit_an_answer_stays_whole() -> None:
    answer = Answer("오늘의 셔츠" * 1000)
    assert answer.limited_to(None) is answer


def test_a_refusal_counts_its_own_tokens() -> None:
    assert Answer(None, refusal=REFUSAL).tokens > 0
