"""Looking for signs first only saves time: what has none of a rule's signs has nothing for the rule."""

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.post.quality.gate import QualityGate
from consumer.post.quality.rules import rules
from consumer.post.quality.signs import SignFinder
from schemas.post import RawPost
from tests.support.quality import refused_by
from tests.unit.post.quality.test_any_answer import captions, hashtags

RULES = rules(language="ko")
GATE = QualityGate(RULES)
LABELS = (
    *(
        "캡션",
        "본문",
        "문구",
        "카피",
        "게시글",
        "게시물",
        "포스트",
        "포스팅",
        "글",
        "내용",
        "답변",
        "출력",
        "결과",
        "제목",
        "타이틀",
    ),
    *(
        "번역",
        "한국어",
        "Caption",
        "COPY",
        "post",
        "text",
        "output",
        "answer",
        "title",
        "headline",
        "response",
        "ad",
        "Korean",
    ),
)
REMARKS = (
    *("네, 캡션입니다.", "광고 글이에요!", "홍보 문구예요.", "피드 글 드려요.", "포스팅 준비했어요.", "게시물입니다:"),
    *("Here is the ad copy:", "Below is a caption.", "Here's your post!", "Here is some text:"),
)
ENDS = (
    *(
        "문구 수정은 말씀해 주세요",
        "수정이 필요하시면 알려 주세요",
        "변경이 필요하시면 요청해 주세요",
        "Let me know",
        "Feel free to ask",
    ),
    *("(글자 수: 12자)", "자수: 3", "character count: 12", "Tags:\n#가", "해시태그:\n#가", "태그:"),
)
QUOTES = (
    '""',
    "''",
    "“”",
    "‘’",
    "””",
    "「」",
    "『』",
    "«»",
    "„“",
    "``",
    "〝〞",
    "＂＂",
    "《》",
    "〈〉",
    "＇＇",
    '"',
    "“",
)
WRITTEN = [
    *(f"{label}{colon} 안녕" for label in LABELS for colon in (":", " ：")),
    *(f"[{label}] 안녕" for label in LABELS),
    *(f"{remark} 안녕" for remark in REMARKS),
    *(f"안녕\n{end}" for end in ENDS),
    *(f"{pair[0]}안녕하세요{pair[1:]}" for pair in (*QUOTES, '"', "“")),
    *(f"안녕 :{letter}bc: 하세요" for letter in ascii_lowercase),
    *(f"%{first}a%{first}b%{first}c" for first in "01234567"),
    *("%ea%b0%80", "%EA%B0%80", "%c3%a9%20", "%C3%A9%20", "%d0%b0%20", "%D0%B0%20", "%f0%9f%98%80", "%F0%9F%98%80"),
    *("**굵게**", "*강조*", "__밑줄__", "_밑줄_ 글", "`코드`", "~~지움~~", "~~~\n코드\n~~~", "==강조==", "||숨김||"),
    *("[글](#)", "[글](a/b)", "[1]: 주석", "가[^1]", "<br>글", "<!--x-->글", "<https://a.b>", "> 인용", ">인용"),
    *("| 가 | 나 |\n|---|---|", "가 | 나\n--- | ---", "===\n제목", "---\n글", "- - -\n글", "***\n글", "___\n글"),
    *("+ 가\n+ 나", "+\t가\n+\t나", "- 가", "-\t가", "* 가", "# 제목", "#\t제목", "# 가 # 나", "= 가\n제목 ##"),
    *("<0xEA><0xB0><0x80>", "가▁나", "&AMP; 가", "&amp 가", "&#x41;", r"\U0001F600", r"\u0041"),
    *(r"\n가", r"\xea\xb0\x80"),
    *("poſt: 안녕", "안녕 \ud83d", "\u212aorean: 안녕", "\u0130", "11:00–20:00 · 10% 할인", "안녕하세요"),
]  # fmt: skip
EMPTY_TAGS = (
    *(
        "없음",
        "해당없음",
        "해시태그",
        "태그2",
        "상호명",
        "매장명",
        "가게명",
        "업체명",
        "브랜드명",
        "제품명",
        "메뉴명",
        "지역명",
    ),
    *(
        "매장이름",
        "예시",
        "샘플",
        "미정",
        "비어있음",
        "빈칸",
        "키워드1",
        "지역",
        "ㅇㅇ",
        "ooo",
        "xxx",
        "Null",
        "NIL",
        "na",
    ),
    *("none", "undefined", "empty", "nohashtag", "first", "second", "third", "example", "sample", "placeholder"),
    *("TBD", "todo", "string", "shopname", "yourbrand", "brand", "tags"),
)


def tried_one_by_one(post: RawPost) -> RawPost:
    for rule in RULES:
        post = rule.repair(post) if rule.repair else post
    return post


@given(captions | st.sampled_from(WRITTEN) | st.text(st.characters()), hashtags | st.text(st.characters()))
def test_a_post_is_repaired_as_if_each_repair_were_tried(caption: str, tags: str) -> None:
    post = RawPost(caption, tags)
    assert GATE.repaired(post) == tried_one_by_one(post)


@pytest.mark.parametrize("caption", WRITTEN)
def test_each_way_of_writing_is_repaired_as_if_each_repair_were_tried(caption: str) -> None:
    post = RawPost(caption, "#원두")
    assert GATE.repaired(post) == tried_one_by_one(post)


@pytest.mark.parametrize("tag", EMPTY_TAGS)
def test_each_hashtag_that_says_nothing_is_dropped(tag: str) -> None:
    assert GATE.repaired(RawPost("안녕하세요", f"#{tag} #원두")).hashtags == "#원두"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("date", "٣월 ٥일에 만나요."),
        ("date", "३/५까지 드려요."),
        ("phone", "문의 ০১০-১২৩৪-৫৬৭৮로 주세요."),
        ("price", "오늘만 ٣٠٠엔."),
    ],
)
def test_digits_of_other_scripts_are_looked_at_too(rule: str, said: str) -> None:
    assert rule in refused_by(f"{said} 창가에 앉아 천천히 내린 커피 한 잔 어때요?")


def test_half_a_surrogate_pair_hides_no_sign() -> None:
    assert SignFinder(["없음", "tag"]).found_in("#\ud83d없음\ude00") == {"없음"}
