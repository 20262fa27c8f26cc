import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.post.hashtags import hashtags_in_list, hashtags_in_prose, split_closing_hashtags
from tests.support.instagram_limits import hashtags_in, is_hashtag_body

bodies = st.text(st.characters(categories=["L", "M", "Nd"], include_characters="_"), min_size=1)


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("#가을 #니트", ["#가을", "#니트"]),
        ("가을, 니트，카페、성수;a|b", ["#가을", "#니트", "#카페", "#성수", "#a", "#b"]),
        ("#a#b＃c##d", ["#a", "#b", "#c", "#d"]),
        (" #a\n\n#b\t", ["#a", "#b"]),
        ('["#a", "#b"]', ["#a", "#b"]),
        ("1. #a 2. #b", ["#a", "#b"]),
        ("Hashtags: #a 해시태그： #b", ["#a", "#b"]),
        ("#coffee-shop #9.11a #K.pop! “#a”", ["#coffeeshop", "#911a", "#Kpop", "#a"]),
        ("#카페❤️ #1️⃣위 #😀", ["#카페", "#1위"]),
        ("#half½ #Ⅷ", ["#half"]),
        ("#\u3164 #\ufe0f #\u200b", []),
        ("#2026 #٣ #2026년", ["#2026년"]),
        ("#e\u0301 #é", ["#é"]),
        ("#e-\u0301", ["#é"]),
        ("#\u0301a", ["#a"]),
        ("#हिन्दी #ไทย #عربي #日本語 #ёлка", ["#हिन्दी", "#ไทย", "#عربي", "#日本語", "#ёлка"]),
        ("#Straße #STRASSE #Σας #ΣΑΣ", ["#Straße", "#Σας"]),
        ("@shop a@b.co https://a.b/#c #d", ["#c", "#d"]),
        ("#\ud800a\0b", ["#ab"]),
        ("성수동 카페,핸드드립 커피,", ["#성수동카페", "#핸드드립커피"]),
        ("#성수동 카페 #핸드드립 커피", ["#성수동카페", "#핸드드립커피"]),
        ("성수동 카페\n#coffee shop", ["#성수동카페", "#coffeeshop"]),
        ("가을 니트", ["#가을", "#니트"]),
        ("#가을 2026 니트", ["#가을", "#니트"]),
        ("#가을 니트 한 벌 오늘 만", ["#가을", "#니트", "#한", "#벌", "#오늘", "#만"]),
        ("", []),
    ],
)
def test_hashtags_are_read_however_they_are_written(text: str, hashtags: list[str]) -> None:
    assert hashtags_in_list(text) == hashtags


@given(st.text(st.characters()))
def test_every_hashtag_read_is_one(text: str) -> None:
    hashtags = hashtags_in_list(text)
    assert all(tag[0] == "#" and is_hashtag_body(tag[1:]) for tag in hashtags)
    assert hashtags_in_list(" ".join(hashtags)) == hashtags


@given(bodies)
def test_a_hashtag_in_any_script_is_found_in_prose_as_it_is_counted(body: str) -> None:
    expected = ["#" + body] if is_hashtag_body(body) else []
    assert hashtags_in_prose(f"go #{body}!") == expected


@given(st.text(st.sampled_from("#＃ab1_\u0301 \n가.½️⃣@")))
def test_prose_has_as_many_hashtags_as_a_slow_count_finds(text: str) -> None:
    assert len(hashtags_in_prose(text)) == hashtags_in(text)


def test_the_short_way_takes_no_character_that_its_unicode_category_forbids() -> None:
    for character in map(chr, range(0x10000)):
        for tag in hashtags_in_list(f"#a{character}"):
            assert is_hashtag_body(tag[1:]), hex(ord(character))
            assert unicodedata.is_normalized("NFC", tag), hex(ord(character))


@pytest.mark.parametrize(
    ("caption", "parts"),
    [
        ("a\n\n#b #c", ("a", "#b #c")),
        ("a\n#b\n\n#c\n", ("a", "#b #c")),
        ("#a\nb", ("#a\nb", "")),
        ("a #b", ("a #b", "")),
        ("#a", ("", "#a")),
        ("a\n#1", ("a\n#1", "")),
        ("a\n,,,", ("a\n,,,", "")),
        ("a\n#b!", ("a\n#b!", "")),
    ],
)
def test_only_closing_lines_of_hashtags_are_parted(caption: str, parts: tuple[str, str]) -> None:
    assert split_closing_hashtags(caption) == parts
