"""What a model writes where it does not know: [상호명], 010-XXXX-XXXX, OOO, {store}, #없음.

What the event's fields hold letter by letter is never a placeholder: a shop may be called OOO.
"""

import re
from string import ascii_lowercase
from typing import Final

from consumer.post.hashtags import folded as folded_tag
from consumer.post.hashtags import hashtags_in_list
from consumer.post.quality.signs import SPACES, one_of
from consumer.post.quality.source import Source, folded

_KOREAN_SLOTS: Final = (
    r"(?:우리|저희|해당|귀하의|당신의)?\s?(?:가게|매장|상호|업체|업소|점포|지점|브랜드|회사|카페|식당|상점|스토어"
    r"|쇼핑몰|제품|상품|메뉴|"
    r"이벤트|행사|고객|담당자|대표|지역|도시|동네|계정|작가|원두|서비스|인스타(?:그램)?)\s?(?:의\s)?(?:명|이름"
    r"|네임|아이디|id)"
)
_KOREAN_FACTS: Final = (
    r"(?:매장|가게|상세|도로명|업체|카페)?\s?(?:주소|위치|전화\s?번호|연락처|가격|금액|영업\s?시간|운영\s?시간"
    r"|날짜|일시|기간|시간|링크|url|"
    r"홈페이지|웹사이트|이메일|할인율|할인\s?금액|해시태그|이모지|숫자|특징|장점|키워드|내용|이름|상호|매장|브랜드"
    r"|제품|상품|지역|"
    r"카카오톡\s?(?:채널|id|아이디)|계정|예약\s?링크|구매\s?링크)"
)
_ENGLISH_SLOTS: Final = (
    r"(?:(?:your|the|insert|our|my|enter|add)[\s_]+)*(?:(?:shop|store|brand|company|business|product|item|cafe"
    r"|restaurant|menu|"
    r"event|customer|city|area|street|phone|contact|opening|business|website|web|account|instagram|discount|start"
    r"|end)[\s_-]*)*"
    r"(?:name|shop|store|brand|company|business|product|item|address|location|city|phone|number|phone number|tel|date|"
    r"time|hours|price|amount|link|url|website|email|handle|account|username|hashtags?|discount|percent|here|menu"
    r"|place)"
)
_FILL_IN: Final = (
    r"[^\[\]{}()<>\n]{0,30}(?:입력|삽입|기입|기재|채워\s?(?:주|넣)|넣어\s?주|적어\s?주)[^\[\]{}()<>\n]{0,12}"
)
_ANY_SLOT: Final = (
    rf"(?:{_KOREAN_SLOTS}|{_FILL_IN}|{_ENGLISH_SLOTS}|insert\s[^\[\]\n]{{1,40}}|your\s[^\[\]\n]{{1,30}}|[.…\s]*"
    rf"|[○◯〇oOxX_*#]{{2,}}|예시|샘플|미정|tbd|todo|placeholder|빈칸|공란)"
)

_BRACKETED: Final = re.compile(
    rf"[\[［【〔〈<({{｛（]\s*(?:{_ANY_SLOT})\s*[\]］】〕〉>)}}｝）]",
    re.IGNORECASE,
)
# A heading such as "[주소] 서울 …" names a fact and gives it; a placeholder stands where the fact should be.
_BRACKETED_FACT: Final = re.compile(
    rf"(?P<before>[^\n]*?)(?P<slot>[\[［【〔{{｛]\s*(?:{_KOREAN_FACTS})\s*[\]］】〕}}｝])(?P<behind>[^\n]*)(?P<next>\n[^\n]+)?",
    re.IGNORECASE,
)
_PARTICLE: Final = re.compile(
    r"(?:에서|으로|로|에|을|를|은|는|이|가|과|와|의|까지|부터|만|도|입니다|이에요|예요|원|할인|%)(?![가-힣]{2})"
)
_DESCRIBED: Final = ("특징", "장점", "키워드", "내용")
_BRACES: Final = re.compile(
    r"\$?\{\{?[^{}\n]{0,40}\}\}?|%\([\w ]+\)s|%[A-Z][A-Z_]{2,30}%|\$[A-Z][A-Z_]{3,30}\b|(?<![\w%])%[sd](?![A-Za-z])"
)
_ANGLED: Final = re.compile(
    r"<\s*[A-Za-z][A-Za-z_]*[ _][A-Za-z_ ]{1,30}>|<(?:store|shop|brand|name|address|phone|link|url|date|price)>",
    re.IGNORECASE,
)

_MASK: Final = r"(?:[XＸxOoYyZ○◯〇*＊#?_]|ㅇ|ㅁ|□|△|☆|●)"
_MASKED_PHONE: Final = re.compile(
    rf"0\d{{1,2}}[-.\s)]{{0,2}}{_MASK}{{3,4}}[-.\s]{{0,2}}(?:{_MASK}{{4}}|\d{{4}})"
    rf"|0\d{{1,2}}[-.\s]\d{{3,4}}[-.\s]{_MASK}{{4}}"
    r"|0\d{1,2}[-.\s]?0{3,4}[-.\s]?0{4}(?!\d)"
)
_ZEROS: Final = re.compile(r"00(?<![\d.,:]00)(?:0?,000\s?원|\s?%|일까지|시(?!간))")
_ZERO_DATE: Final = re.compile(r"0{1,2}월\s?0{1,2}일")
# Where patterns begin with "not behind a letter" or with alternatives, one look at the first letter is much faster.
_MASKED: Final = re.compile(
    rf"(?=[XＸxOoＯYyZ○◯〇*＊#?_ㅇㅁ□△☆●2])(?:(?<![A-Za-z\d]){_MASK}{{1,3}},(?:{_MASK}{{3}}|000)(?=\s?원)"
    r"|(?<![A-Za-z\d])[XxOoＯ○◯〇]{1,4}\s?(?=(?:원|%|퍼센트|월|시|년|호점|점|층|일까지|동|구|만\s?원|천\s?원)(?![가-힣]))"
    r"|20(?:XX|xx|○○|OO)\s?년?|(?:OO|XX|○○|__):(?:OO|XX|○○|__|00)|XX시|\b(?:[xX]{3,}-)+[xX]{3,}\b)"
)
_CIRCLES: Final = re.compile(
    r"(?=[OＯX○◯〇△□▢◇ㅇㅁ])(?:(?<![A-Za-z])[OＯ]{2,}(?![A-Za-z])|(?<![A-Za-z\d])O(?:\sO){1,}(?![A-Za-z])|(?<![A-Za-z\d])X{2,}(?![A-Za-z\d])"
    r"|(?<![●○])[○◯〇]{2,}(?=\s?[가-힣])(?![^\n]{0,10}●)|(?<=[가-힣] )[○◯〇]{2,}(?=[,.!\s]|$)(?![^\n]{0,20}●)"
    r"|[△□▢◇]{2,}(?=[가-힣])|(?<![ㄱ-ㅎ])[ㅇㅁ]{2,}(?=[가-힣])|□□+)"
)
_SMALL_CIRCLES: Final = re.compile(
    r"(?:oo+(?<![A-Za-z]oo)(?<![A-Za-z]ooo)|xx+(?<![A-Za-z]xx)(?<![A-Za-z]xxx))(?=[가-힣])"
)
_BLANKS: Final = re.compile(r"_{3,}|_{2,}(?=\s?(?:원|%|점|시|월|일|에서|으로|을|를|이|가))|\(\s{2,}\)|（\s+）")
_BARE: Final = re.compile(
    r"(?<![가-힣])(?:상호명|매장명|업체명|가게명|점포명|브랜드명|상호\s?이름)(?=에서|에|으로|로|을|를|은|는|이|가"
    r"|의|과|와|[\s!,.]|$)"
    r"|(?<![A-Za-z])(?:undefined|NaN|null|TBD|TODO|FIXME|N/A|lorem ipsum|placeholder|INSERT|YOUR_[A-Z_]+)(?![A-Za-z])"
    r"|(?:샘플|예시|더미)\s?(?:텍스트|문구|캡션)|(?:여기에|이곳에)[^\n]{0,20}(?:입력|삽입|기입|적어|넣어)|홍길동"
)
_MASKS: Final = (
    "XX", "OO", "○", "◯", "〇", "ㅇㅇ", "ㅁㅁ", "□", "△", "☆☆", "**", "##", "??", "__", "YY", "ZZ", "＊",
)  # fmt: skip
_UNITS_BEHIND_ONE: Final = tuple(
    f"{mask}{unit}" for mask in "XO" for unit in ("월", "일", "시", "원", "만", "%", " %", "호", "층", "점")
)

_WORDS_FOR_NOTHING: Final = (
    "상호", "매장명", "업체명", "가게명", "점포명", "브랜드명", "undefined", "NaN", "null", "TBD", "TODO", "FIXME",
    "N/A", "orem ipsum", "placeholder", "INSERT", "YOUR_", "샘플", "예시", "더미", "여기에", "이곳에", "홍길동",
)  # fmt: skip


def _signs(*words: str) -> frozenset[str]:
    return frozenset(map(folded, words))


_BRACKETS: Final = _signs("[", "【", "〔", "〈", "<", "(", "{")
# Each pattern is tried only where one of its signs occurs: most posts hold none.
_BY_SIGNS: Final = (
    (_BRACKETS, _BRACKETED),
    (_signs("{", "$", "%(", *(f"%{letter}" for letter in ascii_lowercase)), _BRACES),
    (_signs("<"), _ANGLED),
    (_signs(*_MASKS, "0000"), _MASKED_PHONE),
    (_signs("00,000", "00일까지", "00시", *(f"00{space}%" for space in ("", *SPACES))), _ZEROS),
    (_signs("0월 0", "0월0", "00월"), _ZERO_DATE),
    (_signs(*_MASKS, "X,", *_UNITS_BEHIND_ONE), _MASKED),
    (_signs("OO", "O O", "XX", "○", "◯", "〇", "□", "△", "▢", "◇", "ㅇㅇ", "ㅁㅁ"), _CIRCLES),
    (_signs("oo", "xx"), _SMALL_CIRCLES),
    (_signs("__", "(  ", "（"), _BLANKS),
    (_signs(*_WORDS_FOR_NOTHING), _BARE),
)

_EMPTY_TAGS: Final = frozenset((
    "#없음", "#해당없음", "#해시태그", "#해시태그1", "#해시태그2", "#해시태그3", "#해시태그없음", "#태그",
    "#태그1", "#태그2", "#태그3", "#태그없음", "#상호명", "#매장명", "#가게명", "#가게이름", "#업체명",
    "#브랜드명", "#제품명", "#상품명", "#메뉴명", "#지역명", "#지역", "#매장이름", "#브랜드이름", "#제품이름",
    "#예시", "#샘플", "#미정", "#내용없음", "#정보없음", "#비어있음", "#빈칸", "#none", "#null", "#nil", "#na",
    "#nan", "#undefined", "#empty", "#nohashtag", "#nohashtags", "#hashtag", "#hashtags", "#hashtag1",
    "#hashtag2", "#hashtag3", "#tag", "#tag1", "#tag2", "#tag3", "#tags", "#first", "#second", "#third",
    "#example", "#sample", "#placeholder", "#tbd", "#todo", "#string", "#shopname", "#storename", "#brandname",
    "#productname", "#yourbrand", "#yourshop", "#brand", "#ooo", "#oo", "#xxx", "#○○", "#○○○", "#oo점",
    "#oo카페", "#키워드", "#키워드1", "#키워드2", "#키워드3", "#ㅇㅇ", "#ㅇㅇㅇ",
))  # fmt: skip
_SIGNS_OF_EMPTY_TAGS: Final = (
    "없음", "태그", "호명", "장명", "게명", "체명", "드명", "품명", "뉴명", "역명",
    "이름", "예시", "샘플", "미정", "비어", "빈칸", "키워드",
    "none", "null", "nil", "#na", "undef", "empty", "tag", "first", "second", "third", "example", "sample", "placeh",
    "tbd", "todo", "string", "name", "your", "brand", "oo", "xx", "○", "ㅇㅇ", "지역",
)  # fmt: skip
_MAY_BE_EMPTY_TAG: Final = one_of(*_SIGNS_OF_EMPTY_TAGS)
SIGNS_OF_EMPTY_TAGS: Final = frozenset(_SIGNS_OF_EMPTY_TAGS)
_EMPTY_TAG_SIGNS: Final = _signs(*_SIGNS_OF_EMPTY_TAGS)
SIGNS: Final = _EMPTY_TAG_SIGNS.union(*(signs for signs, _ in _BY_SIGNS))


def placeholders_in(text: str, source: Source, signs: frozenset[str] = SIGNS) -> list[str]:
    """Find what stands where a fact should, unless the fields hold the same.

    `signs` are those of `SIGNS` that may stand in the text when it is folded.
    """
    patterns = [pattern for needed, pattern in _BY_SIGNS if not needed.isdisjoint(signs)]
    found = [match[0] for pattern in patterns for match in pattern.finditer(text)]
    if not _BRACKETS.isdisjoint(signs):
        found += [match["slot"] for match in _BRACKETED_FACT.finditer(text) if not _is_heading(match, source)]
    return [passage for passage in found if not source.has(passage)]


def _is_heading(fact: re.Match[str], source: Source) -> bool:
    """Return whether the fact named in brackets follows, in a field's words; what describes may be in any words."""
    if any(character.isalnum() for character in fact["before"]):
        return False
    following = (fact["behind"].strip(" \t:：") or (fact["next"] or "").strip()).split()
    if not following or _PARTICLE.match(fact["behind"]):
        return False
    return source.has(following[0]) or any(word in fact["slot"] for word in _DESCRIBED)


def empty_tags(tags: list[str], source: Source, signs: frozenset[str] = SIGNS) -> list[str]:
    """Find hashtags that say nothing: #없음, or what stands for a name; `signs` as above."""
    if _EMPTY_TAG_SIGNS.isdisjoint(signs):
        return []
    return [tag for tag in tags if folded_tag(tag) in _EMPTY_TAGS and not source.has(tag[1:])]


def without_empty_tags(hashtags: str) -> str:
    """Drop hashtags that say nothing, as long as others are left."""
    if not _MAY_BE_EMPTY_TAG.search(hashtags.lower()):
        return hashtags
    tags = hashtags_in_list(hashtags)
    kept = [tag for tag in tags if folded_tag(tag) not in _EMPTY_TAGS]
    return " ".join(kept) if kept and len(kept) < len(tags) else hashtags
