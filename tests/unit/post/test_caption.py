import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.post.caption import clean_caption, is_blank

awkward = st.text(
    st.sampled_from("가a \t\n\r\0\x7f\x85\u2028\u3000\xa0\u200b\u200d\ufeff\u0301\u1100\u1161😀️\ud83d\ude00")
)
any_text = awkward | st.text(st.characters())


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a\0\x07\x1b\x7f\x9fb", "ab"),
        ("a\tb", "a b"),
        ("a \nb", "a\nb"),
        ("a  \nb\u3000\n\nc \t", "a\nb\n\nc"),
        (" \u200b\n a\n b \ufeff\n", "a\n b"),
        ("a\ud800b", "ab"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("e\0\u0301", "é"),
        ("👩\u200d💻 ❤️", "👩\u200d💻 ❤️"),
        ("a\u200bb", "a\u200bb"),
        ("a\u202ebc\u202c \u2067d\u2069", "abc d"),
    ],
)
def test_a_caption_is_cleaned_of_what_cannot_be_shown(text: str, clean: str) -> None:
    assert clean_caption(text) == clean


@given(any_text)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_caption(text)
    assert clean_caption(once) == once


@given(any_text)
def test_a_clean_caption_keeps_every_letter(text: str) -> None:
    def letters(of: str) -> str:
        return unicodedata.normalize("NFC", "".join(c for c in of if unicodedata.category(c)[0] in "LMNPS"))

    assert letters(clean_caption(text)) == letters(text)


@given(any_text)
def test_a_clean_caption_can_be_stored(text: str) -> None:
    clean = clean_caption(text)
    assert clean.encode().decode() == clean
    assert all(c == "\n" or unicodedata.category(c) != "Cc" for c in clean)


@pytest.mark.parametrize("text", ["", " ", "\n", "\u3164", "\u2800", "\u200e", "\ufe0f", "\u115f\u200b"])
def test_what_cannot_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "\u200e가", "😀", ".", "\u3164!"])
def test_what_can_be_seen_is_not_blank(text: str) -> None:
    assert not is_blank(text)
