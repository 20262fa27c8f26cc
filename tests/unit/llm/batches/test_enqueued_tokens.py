from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.batches.enqueued_tokens import after_refusal, after_success

TOKENS = st.integers(1, 10**9)
TOLD = "Enqueued token limit reached for gpt-4o-mini in organization org-x. Limit: 2,000,000 enqueued tokens. Please"


def test_a_refusal_that_names_the_limit_is_believed() -> None:
    assert after_refusal(TOLD, enqueued=5_000_000, known=None) == 2_000_000


def test_one_that_cannot_be_true_is_not() -> None:
    assert after_refusal(TOLD, enqueued=1_500_000, known=None) == 750_000


@given(TOKENS, st.none() | TOKENS)
def test_a_refusal_makes_less_than_what_was_tried_be_tried(enqueued: int, known: int | None) -> None:
    assert 1 <= after_refusal("no", enqueued=enqueued, known=known) <= max(1, enqueued // 2)


@given(TOKENS, TOKENS)
def test_a_success_never_lowers_the_limit(enqueued: int, known: int) -> None:
    limit = after_success(enqueued=enqueued, known=known)
    assert limit is not None
    assert limit >= known


def test_without_a_refusal_no_limit_is_made_up() -> None:
    assert after_success(enqueued=10, known=None) is None
