"""Instagram's limits: every answer becomes a post within them, or the problems to quote to the model."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.post.instagram_rules import RuleBroken, apply_rules
from schemas.post import InstagramPost, RawPost
from tests.support.instagram_limits import violations

PIECES = [
    *["#카페", "#니트", "＃tag", "#Tag", "##a", "#123", "#1위", "#_", "#️⃣", "#a#b", "#e\u0301té", "#\u0301x", "#각"],
    *["@shop", "@", "a@b.co", "＠shop", "https://a.b/#c", "C#", "10%", "해시태그:"],
    *["가을 니트", "\u1100\u1161", "👩\u200d💻", "❤️", "😀", "word", "-", "½", "Ⅷ", "ß", "SS", "İ"],
    *[
        " ",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\x85",
        "\u2028",
        "\u3000",
        "\xa0",
        "\u200b",
        "\u200d",
        "\ufeff",
        "\u3164",
        "\ud800",
    ],
    *[",", "、", ";", "|", "\u202e"],
]
text_in_pieces = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
any_text = text_in_pieces | st.text(st.characters()) | st.lists(text_in_pieces | st.text(), max_size=6).map("\n".join)
limits = st.integers(1, 30)
raw_posts = st.builds(RawPost, any_text, any_text)
caption_lines = st.text(st.sampled_from("가나다 ab.!😀é"), max_size=60).map(str.strip)
clean_captions = st.lists(caption_lines, min_size=1).map("\n".join).map(str.strip).filter(bool)
tag_lists = st.lists(st.text(st.sampled_from("가나다éabc_"), min_size=1), min_size=1, max_size=30, unique=True)
good_tags = "#가을 #니트 #카페 #성수 #데일리룩"


def fixed(caption: str, hashtags: str = "#a", *, max_hashtags: int = 5) -> InstagramPost:
    return apply_rules(RawPost(caption, hashtags), max_hashtags=max_hashtags)


def problems_of(caption: str, hashtags: str = "#a", *, max_hashtags: int = 5) -> tuple[str, ...]:
    with pytest.raises(RuleBroken) as caught:
        fixed(caption, hashtags, max_hashtags=max_hashtags)
    return caught.value.problems


def outcome_of(post: RawPost, max_hashtags: int) -> InstagramPost | RuleBroken:
    try:
        return apply_rules(post, max_hashtags=max_hashtags)
    except RuleBroken as broken:
        return broken


@given(raw_posts, limits)
@example(RawPost("x", "#" + "가" * 2_196), 5)
@example(RawPost("x\n#a #b #c", "#A #d #e #f"), 5)
@example(RawPost("x #a", "#A"), 2)
def test_what_comes_out_is_within_every_limit(post: RawPost, max_hashtags: int) -> None:
    outcome = outcome_of(post, max_hashtags)
    if isinstance(outcome, InstagramPost):
        assert violations(outcome, max_hashtags=max_hashtags) == []


@given(raw_posts, limits)
@example(RawPost("#카페\u200b\x85#카페", "#성수"), 2)
@example(RawPost("글\n#카페\u200b\n#카페", "#성수"), 5)
def test_rules_applied_twice_change_nothing(post: RawPost, max_hashtags: int) -> None:
    once = outcome_of(post, max_hashtags)
    if isinstance(once, InstagramPost):
        again = RawPost(once.instagram_ad_copy, once.hashtags)
        assert apply_rules(again, max_hashtags=max_hashtags) == once


@given(clean_captions, tag_lists)
def test_a_post_within_the_limits_is_left_as_it_is(caption: str, tags: list[str]) -> None:
    post = InstagramPost(caption, " ".join(f"#{tag}" for tag in tags))
    if not violations(post, max_hashtags=30):
        assert apply_rules(RawPost(post.instagram_ad_copy, post.hashtags), max_hashtags=30) == post


@given(raw_posts, limits)
def test_a_broken_rule_is_always_explained_in_words_that_can_be_sent(post: RawPost, max_hashtags: int) -> None:
    outcome = outcome_of(post, max_hashtags)
    if isinstance(outcome, RuleBroken):
        assert outcome.problems
        assert len(str(outcome).encode()) < 1_000


def test_an_ordinary_post_passes_unchanged() -> None:
    caption = "포근한 니트 💛\n\n성수점에서 만나요 ✨\n@oceanandco"
    assert fixed(caption, good_tags) == InstagramPost(caption, good_tags)


@pytest.mark.parametrize(
    ("hashtags", "kept"),
    [
        ("#a #b #c #d #e #f #g", "#a #b #c #d #e"),
        ("#a #A #ａ #b", "#a #ａ #b"),
        ("#a #b", "#a #b"),
    ],
)
def test_surplus_and_repeated_hashtags_are_dropped_in_order(hashtags: str, kept: str) -> None:
    assert fixed("x", hashtags).hashtags == kept


def test_thirty_one_hashtags_become_the_five_or_thirty_that_are_allowed() -> None:
    hashtags = " ".join(f"#tag{number}" for number in range(31))
    assert fixed("x", hashtags, max_hashtags=5).hashtags == "#tag0 #tag1 #tag2 #tag3 #tag4"
    assert len(fixed("x", hashtags, max_hashtags=30).hashtags.split()) == 30


def test_hashtags_inside_the_caption_count_and_cut_the_list() -> None:
    caption = "오늘은 #가을 산책, #니트 한 벌"
    assert fixed(caption, "#a #b #c #d") == InstagramPost(caption, "#a #b #c")
    assert fixed("오늘은 ＃가을 산책", "#a #b", max_hashtags=2).hashtags == "#a"


def test_a_hashtag_the_caption_says_already_is_left_out_of_the_list() -> None:
    assert fixed("오늘은 #Fall 산책", "#fall #b").hashtags == "#b"
    assert fixed("오늘은 #Fall 산책", "#fall").hashtags == "#fall"


def test_lines_of_hashtags_at_the_captions_end_move_to_the_list() -> None:
    post = fixed("가을이에요\n\n#가을 #니트\n\n#카페, ＃성수", "#니트 #room #over")
    assert post == InstagramPost("가을이에요", "#가을 #니트 #카페 #성수 #room")
    assert fixed("가을이에요\u200b\n#가을").instagram_ad_copy == "가을이에요"


@pytest.mark.parametrize("last_line", ["만나요 #가을", "✨ #가을", "#1 #2", ",,,"])
def test_a_last_line_with_anything_else_stays(last_line: str) -> None:
    assert fixed(f"x\n{last_line}").instagram_ad_copy == f"x\n{last_line}"


def test_a_caption_full_of_hashtags_is_for_the_model_to_mend() -> None:
    (problem,) = problems_of("#a b #c d #e f #g h #i j")
    assert "instagram_ad_copy has 5 hashtags inside" in problem


@pytest.mark.parametrize("caption", ["", " \n\t", "\u200b\ufeff", "\0", "\u3164", "\u200e\u2060", "#only #tags"])
def test_a_caption_with_nothing_to_see_is_broken(caption: str) -> None:
    assert problems_of(caption) == ("instagram_ad_copy is empty.",)


@pytest.mark.parametrize("hashtags", ["", " ", "#", "# #", "#123", "#!!! #…", "😀", "@shop", "https://a.b/c"])
def test_a_list_without_any_hashtag_is_broken(hashtags: str) -> None:
    (problem,) = problems_of("x", hashtags)
    assert "no valid hashtag" in problem


def test_length_is_counted_in_utf16_units_with_separator_and_hashtags() -> None:
    room = 2_200 - len("\n\n#a")
    assert fixed("가" * room).hashtags == "#a"
    assert fixed("😀" * (room // 2)).hashtags == "#a"
    assert "2201 characters" in problems_of("가" * (room + 1))[0]
    assert "2202 characters" in problems_of("😀" * (room // 2 + 1))[0]


def test_hashtags_that_make_the_post_too_long_are_dropped_from_the_end() -> None:
    caption = "가" * (2_200 - len("\n\n#a #bb"))
    assert fixed(caption, "#a #bb #c").hashtags == "#a #bb"
    assert fixed(caption, "#a #bbb #c").hashtags == "#a"


def test_a_caption_of_three_thousand_characters_is_broken() -> None:
    (problem,) = problems_of("가" * 3_000)
    assert "Shorten instagram_ad_copy" in problem


def test_twenty_mentions_are_allowed_and_one_more_is_not() -> None:
    assert fixed("@shop " * 20 + "x").instagram_ad_copy.count("@") == 20
    assert problems_of("@shop " * 20 + "@shop") == ("instagram_ad_copy has 21 @-mentions; at most 20 are allowed.",)
    assert "22 @-mentions" in problems_of("@shop ＠shop " * 11)[0]


def test_all_broken_rules_are_said_at_once() -> None:
    assert len(problems_of("@shop #tag " * 1_000, "")) == 4


@pytest.mark.parametrize("max_hashtags", [0, -1, 31])
def test_a_limit_instagram_does_not_know_is_refused(max_hashtags: int) -> None:
    with pytest.raises(ValueError, match="max_hashtags"):
        fixed("x", max_hashtags=max_hashtags)
