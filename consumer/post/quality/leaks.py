"""Our own words in a post: the prompt's sentences, its tags, a chat template's tokens, a shop's instructions.

The prompt is known by runs of words. Instructions of the shop are known by what they are about:
a sentence that the shop wants word for word says nothing of captions, tones or hashtags.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from consumer.post.quality.source import Source, folded, without_spaces

_WORD: Final = re.compile(r"\w+")
_RUN: Final = 5
"""Words in a row that make a sentence ours."""
_STRIDE: Final = 2
_FEWEST_KNOWN: Final = 3
"""Every second word is looked up first: most posts share hardly one with the prompt."""

_OUR_NAMES: Final = (
    "refined_ad_copy_eng", "tone_style", "product_description", "store_information", "gpt_prompt", "instagram_ad_copy",
)  # fmt: skip
_TOKENS: Final = re.compile(
    r"<[|｜][^<>\n]{1,40}[|｜]>|<\|?/?(?:s|bos|eos|pad|unk|sys|inst|start_of_turn|end_of_turn|eot|eom|think"
    r"|thinking|assistant|system|user|tool_call)\|?>"
    r"|<</?sys>>|\[/?(?:inst|system_prompt|available_tools|tool_calls|tool_results)\]|^\s*(?:assistant|system|user"
    r"|human|ai)\s*[:：]"
    r"|[\"']?(?:hashtags|caption)[\"']\s*:\s*[\"\[]|\bbcp[\s-]?47\b"
    r"|\bjson(?=\s?(?:형식|객체|데이터|포맷|으로|object|format|only))|\bvalid\sjson\b|\bsystem prompt\b"
    r"|시스템\s?프롬프트|프롬프트",
    re.MULTILINE,
)
SIGNS_OF_TOKENS: Final = frozenset((
    "<", "[", "{", '"', "json", "프롬프트", "prompt", "bcp", "assistant", "system", "user", "human", "ai:", "ai :",
))  # fmt: skip
_ABOUT_WRITING: Final = re.compile(
    r"글|문장|문구|해시\s?태그|캡션|이모지|말투|톤|피드|인스타|포스팅|작성|한국어|영어|써\s?(?:주|줘)|언급|강조|포함"
)
_NAMES_A_TONE: Final = re.compile("말투|문체|어조|tone|voice")
_ORDER: Final = re.compile(
    r"(?:주세요|줘요?|주십시오|하세요|할\s?것|말\s?것|마세요|바랍니다|주길|해라|하라|넣어|쓰기|write|use|include"
    r"|keep|do not|don't)",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?\n;]+")
_FEWEST_LETTERS: Final = 8
_WISHES_REMEMBERED: Final = 2_000


class OurTexts:
    """The prompt's static texts, of which no post may hold a run of words."""

    def __init__(self, texts: Iterable[str]) -> None:
        words = [_WORD.findall(folded(text)) for text in texts]
        self._vocabulary = frozenset(word for of_text in words for word in of_text)
        self._runs = frozenset(run for of_text in words for run in _runs(of_text))

    def passages_in(self, text: str, words: Sequence[str]) -> list[str]:
        """Find what a post says in the prompt's words; `words` are its caption's."""
        if len(self._vocabulary.intersection(words[::_STRIDE])) < _FEWEST_KNOWN:
            return []
        return [" ".join(run) for run in _runs(_WORD.findall(text)) if run in self._runs][:1]


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


def own_signs_in(text: str, source: Source, signs: frozenset[str] = SIGNS_OF_TOKENS) -> list[str]:
    """Find names of our fields, tokens of chat templates, and talk of prompts and JSON.

    `signs` are those of `SIGNS_OF_TOKENS` that may stand in the text.
    """
    found = [name for name in _OUR_NAMES if name in text] if "_" in text else []
    if not SIGNS_OF_TOKENS.isdisjoint(signs):
        found += [match[0].strip() for match in _TOKENS.finditer(text)]
    return [passage for passage in found if passage in _OUR_NAMES or not source.has(passage)]


def instructions_in(text: str, source: Source) -> list[str]:
    """Find sentences of the shop's wishes, or the tone asked for, repeated instead of followed."""
    found = [order for beginning, order in _orders_in(source.wishes_text) if beginning in text]
    tone = source.tone_text
    if tone in text and _NAMES_A_TONE.search(tone):
        found.append(tone)
    dense = without_spaces(text) if found else ""
    return [part.strip() for part in found if _is_in(without_spaces(part), dense)]


@lru_cache(_WISHES_REMEMBERED)
def _orders_in(wishes: str) -> list[tuple[str, str]]:
    """Return the sentences that say how to write, each behind its beginning; a shop has much the same for all posts."""
    return [
        (sentence.strip()[:_FEWEST_LETTERS], sentence)
        for sentence in _SENTENCE_END.split(wishes)
        if len(sentence) >= _FEWEST_LETTERS and _ABOUT_WRITING.search(sentence) and _ORDER.search(sentence)
    ]


def _is_in(sentence: str, dense: str) -> bool:
    return len(sentence) >= _FEWEST_LETTERS and sentence in dense
