"""What a model puts around a caption: quotation marks, a label, a sentence about its own work."""

import re
from typing import Final

from consumer.post.quality.signs import one_of

_PAIRS: Final = {
    '"': '"', "'": "'", "“": "”", "‘": "’", "”": "”", "「": "」", "『": "』", "«": "»", "„": "“", "`": "`",
    "〝": "〞", "＂": "＂", "《": "》", "〈": "〉", "＇": "＇",
}  # fmt: skip
_OPENERS: Final = "".join(_PAIRS)

_LABEL_WORDS: Final = (
    r"(?:인스타(?:그램)?\s?(?:피드)?|광고|홍보|피드|한국어|최종|완성|추천|수정)?\s?"
    r"(?:캡션|본문|문구|카피|게시글|게시물|포스트|포스팅|글|내용|답변|출력|결과|제목|타이틀|번역)"
    r"|한국어"
    r"|(?:instagram\s|korean\s|ad\s|final\s|post\s)?(?:caption|copy|post|text|output|answer|title|headline|response|ad)"
    r"|instagram_ad_copy|korean"
)
_LABEL: Final = re.compile(
    rf"\s*[*_#]*\s*(?:[\[【(<]\s*(?:{_LABEL_WORDS})\s*[\]】)>]\s*[:：]?"
    rf"|(?:{_LABEL_WORDS})\s*[*_]*\s*[:：])[*_]*\s*(?=\S)",
    re.IGNORECASE,
)
_ABOUT_THE_WORK: Final = re.compile(
    r"\s*(?:(?:물론(?:이죠|입니다|이에요)?|네|넵|좋아요|좋습니다|알겠습니다|sure|certainly|of course"
    r"|okay)\s*[,.!~:]*\s*)?"
    r"(?:"
    r"[^.!?\n]{0,40}(?:캡션|광고\s?글|광고\s?문구|홍보\s?문구|홍보\s?글|게시글|게시물|포스트|피드\s?글"
    r"|포스팅)[^.!?\n]{0,15}"
    r"(?:입니다|이에요|예요|드려요|드릴게요|드리겠습니다|드렸습니다|드렸어요|작성했습니다|작성했어요|써\s?봤어요"
    r"|준비했습니다|준비했어요)[.!~:：]*"
    r"|(?:here(?:['’]s|\sis|\sare)|below\sis)[^.!?\n]{0,60}(?:caption|post|copy|text|ad)[^.!?\n]{0,30}[:.!]"
    r")\s*\n*",
    re.IGNORECASE,
)
_OFFER_AT_THE_END: Final = re.compile(
    r"\n+[^\n]{0,30}(?:(?:캡션|문구|광고\s?글|게시글)[^\n]{0,30}(?:수정|변경|필요)|(?:수정"
    r"|변경)[^\n]{0,20}(?:필요하시|원하시))"
    r"[^\n]{0,40}(?:말씀|알려|요청)[^\n]{0,20}$"
    r"|\n+\s*(?:let me know|feel free to)[^\n]*$",
    re.IGNORECASE,
)
_COUNT_AT_THE_END: Final = re.compile(
    r"\s*[(\[]?\s*(?:총\s?)?(?:글자\s?수|자수|character count)\s*[:：]?\s*(?:약\s?)?\d+\s*자?\s*[)\]]?\s*$"
)
_HASHTAG_LABEL: Final = re.compile(
    r"^[ \t]*[*_\[(【]*(?:추천\s?)?(?:해시\s?태그|태그|hash\s?tags?|tags?)[\])】*_]*[ \t]*(?:[:：][*_]*[ \t]*"
    r"|$)(?=[#＃\n]|$)\n?",
    re.MULTILINE | re.IGNORECASE,
)

_MAX_LAYERS: Final = 4
_SHORTEST_QUOTATION: Final = 3
_WORDS_OF_OFFERS: Final = one_of("말씀", "알려", "요청", "et me know", "eel free")
_LONGEST_HEAD: Final = 110
_SIGNS_OF_LABELS: Final = one_of(":", "：", "[", "【", "(", "<")
_WORDS_FOR_POSTS: Final = one_of(
    "캡션",
    "문구",
    "게시",
    "포스트",
    "포스팅",
    "광고",
    "홍보",
    "피드",
    "aption",
    "ost",
    "opy",
    "text",
)
SIGNS: Final = frozenset((
    *_OPENERS, "말씀", "알려", "요청", "et me know", "eel free", "태그", "tag", "글자", "자수", "count",
    "캡션", "본문", "문구", "카피", "게시", "포스트", "포스팅", "글", "내용", "답변", "출력", "결과", "제목", "타이틀",
    "번역", "한국어", "광고", "홍보", "피드", "caption", "copy", "post", "text", "output", "answer", "title",
    "headline", "response", "ad", "korean",
))  # fmt: skip
"""Without one of them in its small letters a caption is bare already."""


def unwrap(caption: str) -> str:
    """Take the caption out of its quotation marks, labels and remarks; most have none."""
    bare = _without_tail(caption.strip())
    for _ in range(_MAX_LAYERS):
        inner = _without_quotes(_without_label(bare))
        if inner == bare:
            break
        bare = inner
    return caption if bare == caption.strip() else bare


def _without_label(text: str) -> str:
    head = text[:_LONGEST_HEAD]
    label = _LABEL.match(text) if _SIGNS_OF_LABELS.search(head) else None
    if label is None and _WORDS_FOR_POSTS.search(head):
        label = _ABOUT_THE_WORK.match(text)
    rest = text[label.end() :].strip() if label else ""
    return rest or text


def _without_quotes(text: str) -> str:
    if len(text) < _SHORTEST_QUOTATION or text[0] not in _OPENERS:
        return text
    closing = _PAIRS[text[0]]
    inner = text[1:-1]
    if text[-1] == closing and closing not in inner and text[0] not in inner:
        return inner.strip()
    if text[0] == text[2] == text[1] == text[-1] == text[-2] and len(text) > 6:  # noqa: PLR2004 - three on each side
        return text.strip(text[0]).strip()
    return (
        text[1:].strip() if text[0] in '"“＂' and text.count(text[0]) == 1 and closing not in inner + text[-1] else text
    )


def _without_tail(text: str) -> str:
    if "태그" in text or "tag" in text or "Tag" in text:
        text = _HASHTAG_LABEL.sub("", text).strip()
    if "자" in text[-20:] or "count" in text[-20:]:
        text = _COUNT_AT_THE_END.sub("", text)
    if _WORDS_OF_OFFERS.search(text, text.rfind("\n") + 1):
        text = _OFFER_AT_THE_END.sub("", text)
    return text
