from uuid import UUID, uuid4

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from consumer.operations.cli.feeds.reference import parse_reference
from repository.operations.revision_source import FeedReference

REFERENCES = st.builds(FeedReference, st.uuids(), st.none() | st.integers(1, 2**31 - 1))


@given(REFERENCES)
def test_a_reference_reads_as_it_is_written(reference: FeedReference) -> None:
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize("text", ["", "overlay-17", f"{UUID(int=1)}:", f"{UUID(int=1)}:new", f"{UUID(int=1)}:1:2"])
def test_what_is_no_reference_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither"):
        parse_reference(text)


def test_an_id_alone_leaves_the_revision_open() -> None:
    overlay_id = uuid4()
    assert parse_reference(str(overlay_id).upper()) == FeedReference(overlay_id)
