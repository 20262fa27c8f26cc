"""Near-copies of a shop's posts are found; its other posts are not."""

import random
from itertools import combinations

import pytest

from consumer.post.quality.likeness import RECENT_POSTS, RecentPosts, fingerprint
from tests.unit.post.quality.test_captions import LABELLED, SHOPS

GOOD = [case for case in LABELLED if not case["breaks"]]
OTHER_WORDS = [
    *("바람", "구름", "햇살", "조용히", "문득", "어제", "골목", "다정한", "새로운", "반가운"),
    *("고요한", "나무", "물결", "편지", "노래", "정오", "주말의", "작은", "오래된"),
]
STORE = "온기 로스터리 성수점 · 서울 성동구 연무장길 12 · 매일 11:00–20:00"


def with_changed_words(caption: str, share: float, draw: random.Random) -> str:
    words = caption.split()
    for place in draw.sample(range(len(words)), max(1, round(share * len(words)))):
        words[place] = draw.choice(OTHER_WORDS)
    return " ".join(words)


def likenesses(caption: str, *others: str, store: str = STORE) -> list[str]:
    recent = RecentPosts()
    for other in others:
        recent.add(fingerprint(other, "", store))
    return recent.likenesses(fingerprint(caption, "", store))


def test_near_copies_with_a_tenth_of_the_words_changed_are_found() -> None:
    draw = random.Random(12)
    copies = [(case["caption"], with_changed_words(case["caption"], 0.1, draw)) for case in GOOD for _ in range(10)]
    missed = [pair for pair in copies if not likenesses(pair[1], pair[0])]
    assert len(missed) <= 0.01 * len(copies), missed


def test_unrelated_posts_of_one_shop_are_not_alike() -> None:
    pairs = [
        (one["caption"].lower(), other["caption"].lower(), SHOPS[one["shop"]]["store_information"].lower())
        for one, other in combinations(GOOD, 2)
        if one["shop"] == other["shop"]
    ]
    alike = [(one, other) for one, other, store in pairs if likenesses(one, other, store=store)]
    assert len(pairs) > 700
    assert len(alike) <= 0.01 * len(pairs), alike


def test_the_store_s_own_lines_make_no_likeness() -> None:
    block = STORE.replace(" · ", "\n")
    assert likenesses(f"창가에 앉아 향을 맡아 보세요\n{block}", f"비 오는 날에는 따뜻한 한 잔이죠\n{block}") == []


def test_equal_first_lines_are_told_apart_from_equal_texts() -> None:
    opening = "오늘도 수고한 나에게 선물해 볼까요"
    found = likenesses(
        f"{opening}\n면 소재라 피부에 닿는 느낌이 편안한 셔츠예요 매일 입고 싶어져요",
        f"{opening}\n가볍고 따뜻한 울 니트가 새로 나왔답니다 이번 주말에 구경 오세요",
    )
    assert [likeness.partition(":")[0] for likeness in found] == ["first line"]


def test_a_disclosure_in_front_is_no_first_line() -> None:
    assert likenesses("#광고\n창가에 앉아 향을 맡아 보세요", "#광고\n비 오는 날에는 따뜻한 한 잔이죠") == []


@pytest.mark.parametrize(("hashtags", "alike"), [("#a #b #c #d", True), ("#a #b #c #x #y", False), ("#a #b", False)])
def test_hashtag_sets_are_compared(hashtags: str, *, alike: bool) -> None:
    recent = RecentPosts()
    recent.add(fingerprint("", "#d #c #b #a", ""))
    assert bool(recent.likenesses(fingerprint("", hashtags, ""))) is alike


def test_only_the_last_posts_count() -> None:
    first = GOOD[0]["caption"]
    others = [case["caption"] for case in GOOD[1:]]
    assert likenesses(first, first, *others[: RECENT_POSTS - 1])
    assert not likenesses(first, first, *others[:RECENT_POSTS])
