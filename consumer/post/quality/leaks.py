"""Our own words in a post: the prompt's sentences, its tags, a chat template's tokens, a shop's instructions.

The prompt is known by runs of words. Instructions of the shop are known by what they are about:
a sentence that the shop wants word for word says nothing of captions, tones or hashtags.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from consumer.post.quality.source import Source, folded, without_spaces

_WORD: Final = re.compile(r"\w+")
_RUN: Final = 5
"""Words in a row that make a sentence ours."""
_STRIDE: Final = 2
"""Every second run is looked up: seven words of ours always hold one that is."""

_OUR_NAMES: Final = (
    "refined_ad_copy_eng", "tone_style", "product_description", "store_information", "gpt_prompt", "instagram_ad_copy",
)  # fmt: skip
_TOKENS: Final = re.compile(
    r"<[|｜][^<>\n]{1,40}[|｜]>|<\|?/?(?:s|bos|eos|pad|unk|sys|inst|start_of_turn|end_of_turn|eot|eom|think"
    r"|thinking|assistant|system|user|tool_call)\|?>"
    r"|<</?sys>>|\[/?(?:inst|system_prompt|available_tools|tool_calls|tool_results)\]|^\s*(?:assistant|system|user"
    r"|human|ai)\s*[:：]"
    r"|[\"']?(?:hashtags|caption)[\"']\s*:\s*[\"\[]|\bbcp[\s-]?47\b|\bjson\b|\bsystem prompt\b|시스템\s?프롬프트"
    r"|프롬프트",
    re.MULTILINE,
)
_MAY_HOLD_TOKENS: Final = re.compile(r"[<\[{:]|json|프롬프트|prompt|bcp", re.IGNORECASE)
_ABOUT_WRITING: Final = re.compile(
    r"글|문장|문구|해시\s?태그|캡션|이모지|말투|톤|피드|인스타|포스팅|작성|한국어|영어|써\s?(?:주|줘)|언급|강조|포함"
)
_AN_INSTRUCTION: Final = re.compile(
    r"(?:주세요|줘요?|주십시오|하세요|할\s?것|말\s?것|마세요|바랍니다|주길|해라|하라|넣어|쓰기|write|use|include"
    r"|keep|do not|don't)",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?\n;]+")
_FEWEST_LETTERS: Final = 8


class OurTexts:
    """The prompt's static texts, of which no post may hold a run of words."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = frozenset(run for text in texts for run in _runs(_WORD.findall(text.lower())))

    def passages_in(self, text: str) -> list[str]:
        """Find what the post says in the prompt's words."""
        words = _WORD.findall(text.lower())
        for run in _runs(words, stride=_STRIDE):
            if run in self._runs:
                return [" ".join(run)]
        return []


def _runs(words: list[str], *, stride: int = 1) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(words) - _RUN + 1, stride):
        yield tuple(words[start : start + _RUN])


def own_signs_in(text: str, source: Source) -> list[str]:
    """Find names of our fields, tokens of chat templates, and talk of prompts and JSON."""
    found = [name for name in _OUR_NAMES if name in text] if "_" in text else []
    if _MAY_HOLD_TOKENS.search(text):
        found += [match[0].strip() for match in _TOKENS.finditer(folded(text))]
    return [passage for passage in found if passage in _OUR_NAMES or not source.has(passage)]


def instructions_in(text: str, source: Source) -> list[str]:
    """Find sentences of the shop's wishes, or the tone asked for, repeated instead of followed."""
    if not _ABOUT_WRITING.search(text) and source.tone_style not in text:
        return []
    dense = without_spaces(folded(text))
    sentences = _SENTENCE_END.split(source.wishes)
    wishes = [part for part in sentences if _ABOUT_WRITING.search(part) and _AN_INSTRUCTION.search(part)]
    tone = [source.tone_style] if "말투" in source.tone_style or "tone" in source.tone_style else []
    return [part.strip() for part in wishes + tone if _is_in(without_spaces(folded(part)), dense)]


def _is_in(sentence: str, dense: str) -> bool:
    return len(sentence) >= _FEWEST_LETTERS and sentence in dense
