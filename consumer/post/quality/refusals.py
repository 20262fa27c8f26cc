"""A model that apologises, declines or asks for more instead of writing the post.

A shop may apologise too ("재료가 떨어져 죄송합니다"): what counts is that the sentence is about writing,
answering, or being a machine.
"""

import re
from typing import Final

from consumer.post.quality.source import Source

_WRITING: Final = (
    r"(?:글|문구|캡션|게시글|게시물|포스트|포스팅|콘텐츠|내용|요청|답변|응답|작성|생성|광고|정보|질문|도움|홍보"
    r"|해시태그)"
)
_UNABLE: Final = (
    r"(?:수\s?(?:가\s?)?없(?:습니다|어요|네요|음|는|을|다|겠)|어렵습니다|어려워요|어려울|못\s?(?:합니다|해요)"
    r"|불가능|제한(?:되|이)|않습니다|곤란)"
)
_REFUSALS: Final = re.compile(
    rf"(?:죄송|미안|유감|아쉽게도|안타깝게도)[^.!?\n]{{0,40}}{_WRITING}[^.!?\n]{{0,40}}{_UNABLE}"
    rf"|(?:죄송|미안)[^\n]{{0,30}}[.!?,]\s?[^\n]{{0,30}}{_WRITING}[^\n]{{0,30}}{_UNABLE}"
    rf"|{_WRITING}(?:을|를|은|는|에|이|가)?\s?(?:바로\s|직접\s)?(?:쓸|작성할|만들|생성할|제공할|도와드릴|처리할"
    rf"|수행할|답변할|응답할|완성할|드릴|작성하기|쓰기|따를)\s?{_UNABLE}"
    r"|(?:도와|도움을?)\s?드릴\s?수\s?(?:가\s?)?없|도와드리기\s?어렵"
    r"|(?:저는|전|나는|제가)\s?[^.!?\n]{0,12}(?:ai|인공지능|언어\s?모델|챗봇|챗gpt|chatgpt)"
    r"|(?:ai|인공지능|언어\s?모델|챗봇)(?:로서|으로서|이기\s?때문|이므로|라서|모델로서|\s?어시스턴트|\s?비서(?:로"
    r"|입니다))"
    r"|대규모\s?언어\s?모델|언어\s?모델입니다"
    rf"|(?:제공|입력|공유|전달)(?:해\s?주신|된|하신|받은)\s?[^.!?\n]{{0,15}}(?:정보|내용|필드|자료)(?:가|이"
    rf"|만으로는|로는)?\s?[^.!?\n]{{0,12}}(?:부족|없|불충분|비어|모자|어렵)"
    rf"|(?:추가|더\s?(?:많은|자세한|구체적인)|상세|정확한|구체적인)\s?(?:정보|내용|자료"
    rf"|설명)[^.!?\n]{{0,15}}(?:필요합니다|필요해요|주시면|제공|알려|부탁)"
    rf"|(?:정보|내용|특징|이름|상호)[^.!?\n]{{0,12}}(?:알려|제공해|공유해|입력해|말씀해|보내)\s?주(?:시면"
    rf"|세요)[^.!?\n]{{0,30}}(?:작성|써|만들어|완성|제작)"
    r"|(?:정책|가이드라인|지침|규정|윤리)(?:상|에\s?따라|에\s?위배|에\s?어긋|을\s?위반"
    r"|때문)[^.!?\n]{0,30}(?:수\s?없|어렵|불가|않)"
    rf"|(?:요청|질문)(?:하신|은|을|에)\s?[^.!?\n]{{0,25}}(?:처리|수행|이해|응답|답변|진행)[^.!?\n]{{0,10}}{_UNABLE}",
)
_REFUSALS_OF_OTHERS: Final = re.compile(
    r"\bi(?:['’]m| am)\s(?:so\s|very\s|really\s)?(?:sorry|unable|not able|afraid)\b|\bi (?:cannot|can['’]?t"
    r"|can not|won['’]t|could not|couldn['’]t)\s"
    r"|\b(?:as|i['’]m|i am) an? (?:\w+\s)?(?:ai|artificial|language model|assistant)\b|\bunable to (?:assist|help"
    r"|create|generate|write|fulfil|comply)"
    r"|\bsorry, (?:but )?i\b|\bapologi[sz]e\b|\bi must decline\b|\bagainst (?:my|our|the) (?:policy|policies"
    r"|guidelines)\b|\bcontent policy\b"
    r"|申し訳(?:ありません|ございません)|很抱歉|无法(?:提供|生成|帮助)",
)
_OWN_SIGNS: Final = frozenset((
    "죄송", "미안", "유감", "아쉽", "안타깝", "수 없", "수없", "수가 없", "어렵", "못 ", "불가", "제한", "않습", "곤란",
    "인공지능", "언어", "챗", "정보", "내용", "특징", "자료", "설명", "정책", "지침", "가이드", "규정", "윤리", "요청",
    "질문", "ai로", "ai 언", "ai 모", "ai가", "ai는", "ai라", "ai이", "ai입", "ai 어", "ai 비", "ai 챗", "ai 인",
))  # fmt: skip
_SIGNS_OF_OTHERS: Final = frozenset((
    "sorry", "cannot", "can't", "can’t", "can not", "won't", "won’t", "could", "unable", "not able", "afraid", "as an ",
    "as a ", "language model", "assistant", "apolog", "decline", "polic", "guideline", "申", "抱歉", "无法",
))  # fmt: skip
SIGNS: Final = _OWN_SIGNS | _SIGNS_OF_OTHERS


def refusals_in(text: str, source: Source, signs: frozenset[str] = SIGNS) -> list[str]:
    """Find a model's refusal in a folded text, unless the fields say the same.

    `signs` are those of `SIGNS` that may stand in the text.
    """
    patterns = [
        pattern
        for needed, pattern in ((_OWN_SIGNS, _REFUSALS), (_SIGNS_OF_OTHERS, _REFUSALS_OF_OTHERS))
        if not needed.isdisjoint(signs)
    ]
    return [found[0] for pattern in patterns for found in pattern.finditer(text) if not source.has(found[0])]
