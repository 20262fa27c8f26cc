"""A tenant's disclosure: put in front by code, counted, never twice."""

import pytest

from consumer.post.instagram_rules import MAX_UTF16_UNITS, RuleBroken, apply_rules, as_published, hashtag_count
from schemas.post import InstagramPost, RawPost


def disclosed(
    caption: str, hashtags: str = "#가을 #니트", *, disclosure: str = "#광고", most: int = 5
) -> InstagramPost:
    return apply_rules(RawPost(caption, hashtags), max_hashtags=most, disclosure=disclosure)


def test_the_disclosure_is_the_captions_first_line() -> None:
    assert disclosed("가을 니트").instagram_ad_copy == "#광고\n가을 니트"


@pytest.mark.parametrize("caption", ["#광고\n가을 니트", "#광고 가을 니트", "#광고\n\n가을 니트"])
def test_a_disclosure_that_the_model_wrote_is_not_repeated(caption: str) -> None:
    assert disclosed(caption).instagram_ad_copy == "#광고\n가을 니트"


def test_a_word_that_only_begins_like_it_is_no_disclosure() -> None:
    assert disclosed("#광고천재 가을 니트", most=5).instagram_ad_copy == "#광고\n#광고천재 가을 니트"


def test_its_hashtag_counts_and_is_not_listed_again() -> None:
    post = disclosed("가을 니트", "#a #광고 #b #c #d #e #f")
    assert post.hashtags == "#a #b #c #d"
    assert hashtag_count(post) == 5


def test_where_it_takes_all_room_there_is_no_list() -> None:
    post = disclosed("가을 니트", most=1)
    assert post == InstagramPost("#광고\n가을 니트", "")
    assert as_published(post) == "#광고\n가을 니트"


def test_a_disclosure_in_words_takes_no_hashtag() -> None:
    post = disclosed("가을 니트", "#a #b", disclosure="[광고] 업체로부터 제품을 제공받았습니다", most=2)
    assert post == InstagramPost("[광고] 업체로부터 제품을 제공받았습니다\n가을 니트", "#a #b")


def test_its_length_counts() -> None:
    room = MAX_UTF16_UNITS - len("#광고\n") - len("\n\n#a")
    assert len(as_published(disclosed("가" * room, "#a"))) == MAX_UTF16_UNITS
    with pytest.raises(RuleBroken, match="at most 2200"):
        disclosed("가" * (room + 1), "#a")


def test_a_disclosed_post_put_through_again_stays_as_it_is() -> None:
    once = disclosed("가을 #니트 한 벌", "#a #b #c #d #e")
    assert apply_rules(RawPost(once.instagram_ad_copy, once.hashtags), max_hashtags=5, disclosure="#광고") == once


def test_nothing_but_a_disclosure_is_no_caption() -> None:
    with pytest.raises(RuleBroken, match="empty"):
        disclosed("#광고")
