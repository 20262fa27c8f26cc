from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from consumer.pipeline.batches.packing import Packing

ONE, OTHER = UUID(int=1), UUID(int=2)
LINES = st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.integers(1, 500), st.integers(1, 500)), max_size=60)


@given(LINES, st.integers(1, 20), st.integers(500, 2_000), st.integers(500, 2_000))
def test_no_batch_breaks_a_limit(lines: list[tuple[UUID, int, int]], max_lines: int, max_bytes: int, room: int) -> None:
    packing = Packing(max_lines=max_lines, max_bytes=max_bytes, room={ONE: room})
    placed = [packing.place(model, size=size, tokens=tokens) for model, size, tokens in lines]
    for pack in packing.packs:
        assert 0 < pack.lines <= max_lines
        assert pack.bytes <= max_bytes
        assert pack.llm_model_id != ONE or pack.tokens <= room
    assert sum(pack.lines for pack in packing.packs) == sum(one is not None for one in placed)


def test_each_model_has_a_batch_of_its_own() -> None:
    packing = Packing(max_lines=10, room={})
    first, second = (packing.place(model, size=1, tokens=1) for model in (ONE, OTHER))
    assert first is not None
    assert second is not None
    assert first.batch_id != second.batch_id


def test_a_batch_that_is_full_is_sent_before_the_next_is_begun() -> None:
    packing = Packing(max_lines=1, room={})
    assert packing.place(ONE, size=1, tokens=1)
    assert packing.is_full


def test_a_line_larger_than_the_provider_was_seen_to_take_goes_alone() -> None:
    packing = Packing(max_lines=10, room={ONE: 5})
    assert packing.place(ONE, size=1, tokens=50)
    assert packing.place(ONE, size=1, tokens=1) is None


def test_while_the_provider_takes_no_more_nothing_is_placed() -> None:
    assert Packing(max_lines=10, room={ONE: 0}).place(ONE, size=1, tokens=1) is None
