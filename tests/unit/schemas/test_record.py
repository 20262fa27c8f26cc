import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.record import pack_headers, unpack_headers

headers = st.lists(st.tuples(st.text(st.characters()), st.none() | st.binary()), max_size=8).map(tuple)


@given(headers)
@example((("a", None), ("a", b""), ("", b"\x00"), ("\ud800", b"\xff")))
def test_headers_survive_being_packed(given_headers: tuple[tuple[str, bytes | None], ...]) -> None:
    assert unpack_headers(pack_headers(given_headers)) == given_headers


def test_no_headers_pack_to_nothing() -> None:
    assert pack_headers(()) == b""


@given(headers.filter(bool), st.data())
def test_packed_headers_that_were_cut_are_refused_or_are_fewer(
    given_headers: tuple[tuple[str, bytes | None], ...], data: st.DataObject
) -> None:
    packed = pack_headers(given_headers)
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    try:
        unpacked = unpack_headers(cut)
    except ValueError:
        return
    assert unpacked == given_headers[: len(unpacked)]
    assert pack_headers(unpacked) == cut


@given(st.binary())
def test_what_unpacks_is_exactly_what_packing_writes(packed: bytes) -> None:
    try:
        unpacked = unpack_headers(packed)
    except ValueError:
        return
    assert pack_headers(unpacked) == packed


@pytest.mark.parametrize("packed", [b"\x00", b"\x00\x00\x00\x01\x00\x00\x00\x00", b"\x00\x00\x00\x00\xff\xff\xff\xfe"])
def test_bytes_of_another_form_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="packed headers"):
        unpack_headers(packed)
