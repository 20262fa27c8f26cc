"""Whatever is written: it is judged without a crash, and nothing unpublishable gets through.

A short run is part of the suite. The long one: `pytest tests/unit/post/quality --hypothesis-profile=fuzz`.
"""

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from consumer.post.editor import PostRefused
from schemas.post import InstagramPost, RawPost
from tests.support.instagram_limits import violations
from tests.support.quality import EDITOR, context

GOOD = (
    "창가에 앉아 천천히 내린 커피 한 잔 어때요?",
    "블루베리처럼 새콤하고 자스민처럼 향긋해요.",
    "온기 로스터리 성수점",
    "서울 성동구 연무장길 12",
    "매일 11:00–20:00",
    "오늘은 천천히 걸어오세요 ☕",
)
BAD = (
    *("**굵게**", "__밑줄__", "## 제목", "- 항목", "```\n글\n```", "[글](https://a.example/b)", "`코드`", "> 인용"),
    *(
        "<br>",
        "<b>글</b>",
        "<p>",
        "</div>",
        "&amp;",
        "&lt;b&gt;",
        "&#39;",
        "\\n",
        "\\u003cb\\u003e",
        "\\ud83d",
        "%EA%B0%80",
    ),
    *(
        "[상호명]",
        "{store}",
        "{{shop}}",
        "010-XXXX-XXXX",
        "OOO점",
        "○○카페",
        "[주소]",
        "(여기에 입력)",
        "____",
        "[Your Shop]",
    ),
    *("https://shop.example/x", "www.shop.co.kr", "shop.com/a", "bit.ly/abc", "a@b.co.kr", "ｗｗｗ．ｓｈｏｐ．ｃｏｍ"),
    *(
        "Meet today's beans at our roastery in the middle of town.",
        "本日のコーヒーをどうぞ。",
        "今天的咖啡很香。",
        "Привет, друзья!",
    ),
    *('"', "“", "”", "캡션:", "<", ">", "*", "_", "#", "\u202e", "\u200b", "�", "\x00", "\ud800", "[", "](", "{", "}"),
)
pieces = st.sampled_from(GOOD) | st.sampled_from(BAD)
separators = st.sampled_from(["", " ", "\n", "\n\n", "\t"])
captions = st.lists(st.tuples(pieces, separators), min_size=1, max_size=10).map(
    lambda parts: "".join(piece + separator for piece, separator in parts)
)
hashtags = st.lists(
    st.sampled_from(["#원두", "성수동 카페", "#없음", "#<b>", "&amp;", "#커피", "해시태그:"]), max_size=6
).map(", ".join)

MARKUP = re.compile(
    r"\*\*\S|```|\]\(|</?(?:br|p|b|i|div|span|strong|em|a|ul|li|h\d)\b[^<>]*>|^#{1,6} \S|^> \S|^[-*] \S"
    r"|&(?:amp|lt|gt|quot|nbsp|#\d+);|\\n|\\u[0-9a-f]{4}",
    re.MULTILINE,
)
PLACEHOLDER = re.compile(r"\[(?:상호명|Your Shop)\]|\{\{?(?:store|shop)\}\}?|XXXX|OOO점|○○카페|여기에 입력|_{3,}|#없음")
LINK = re.compile(r"https?://|www\.|\b[a-z]+\.(?:com|co\.kr|example|ly)\b")


def is_korean(caption: str) -> bool:
    letters = [character for character in caption if unicodedata.category(character)[0] == "L"]
    hangul = sum("HANGUL" in unicodedata.name(character, "") for character in letters)
    return bool(letters) and hangul >= 0.4 * len(letters)


def faults(post: InstagramPost) -> list[str]:
    whole = unicodedata.normalize("NFKC", f"{post.instagram_ad_copy}\n{post.hashtags}")
    checks = {
        "markup": MARKUP.search(whole) is None,
        "placeholder": PLACEHOLDER.search(whole) is None,
        "link": LINK.search(whole.lower()) is None,
        "language": is_korean(post.instagram_ad_copy),
        "damage": "�" not in whole,
    }
    return [fault for fault, kept in checks.items() if not kept] + violations(post, max_hashtags=5)


def outcome_of(caption: str, tags: str) -> InstagramPost | PostRefused:
    try:
        return EDITOR.edited(RawPost(caption, tags), context()).post
    except PostRefused as refused:
        return refused


@given(captions | st.text(st.characters()), hashtags | st.text(st.characters()))
def test_any_answer_is_judged_and_what_is_stored_can_be_published(caption: str, tags: str) -> None:
    outcome = outcome_of(caption, tags)
    if isinstance(outcome, PostRefused):
        assert outcome.problems
        assert str(outcome)
    else:
        assert faults(outcome) == [], outcome


@given(captions, hashtags)
def test_a_stored_post_put_through_again_stays_as_it_is(caption: str, tags: str) -> None:
    once = outcome_of(caption, tags)
    if isinstance(once, InstagramPost):
        assert outcome_of(once.instagram_ad_copy, once.hashtags) == once
