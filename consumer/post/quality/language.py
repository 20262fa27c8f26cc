"""Whether a caption is in the language asked for, told by its scripts.

Names of products, brands and shops in another script are no fault: words that the event's fields
hold are left out of the account. Languages that share a script are told apart by their commonest
words, and only where that is clear.
"""

import re
from typing import Final

from consumer.post.quality.letters import letters_of
from consumer.post.quality.source import Source, folded

_HANGUL: Final = "가-\ud7ff\u1100-\u11ff\u3131-\u318e\ua960-\ua97f"
_KANA: Final = "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HAN: Final = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LATIN: Final = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
_CYRILLIC: Final = "\u0400-\u052f"
_SCRIPTS: Final = {
    "ko": _HANGUL, "ja": _KANA + _HAN, "zh": _HAN, "yue": _HAN,
    "ru": _CYRILLIC, "uk": _CYRILLIC, "bg": _CYRILLIC, "sr": _CYRILLIC + _LATIN, "kk": _CYRILLIC, "mn": _CYRILLIC,
    "el": "\u0370-\u03ff\u1f00-\u1fff", "he": "\u0590-\u05ff",
    "ar": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff", "fa": "\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff",
    "ur": "\u0600-\u06ff\u0750-\u077f", "hi": "\u0900-\u097f", "mr": "\u0900-\u097f", "ne": "\u0900-\u097f",
    "bn": "\u0980-\u09ff", "ta": "\u0b80-\u0bff", "te": "\u0c00-\u0c7f", "th": "\u0e00-\u0e7f", "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f", "km": "\u1780-\u17ff", "ka": "\u10a0-\u10ff", "hy": "\u0530-\u058f", "am": "\u1200-\u137f",
}  # fmt: skip

# Words so common that a few of them tell a language from its neighbours in the same script.
_COMMON_WORDS: Final = {
    "en": "the and of to in is for with your you our this that are from it at on we",
    "de": "der die das und ist mit für ein eine den dem von wir euch unser nicht auf sich auch im",
    "fr": "le la les des et est avec pour une un dans vous nous notre votre du sur qui au nos",
    "es": "el la los las y es con para una un en tu nuestro nuestra del que por más te su",
    "pt": "o os as e é com para uma um em você nosso nossa do da que por mais seu não",
    "it": "il lo la gli e è con per una un in che di del della nostro i le non più",
    "nl": "de het een en is met voor van je onze in op dat niet te zijn er ook bij naar",
    "id": "yang dan di dengan untuk ini itu dari kami anda ke adalah pada kamu bisa ada juga atau",
    "vi": "và của là có cho với những một bạn trong được này chúng tôi không các đến tại để",
    "tr": "ve bir bu için ile çok da de en bizim sizin olan gibi daha her ne mi siz",
    "pl": "i w na z do jest się to nie dla nasz od po jak tak oraz przez ze",
}  # fmt: skip
_COMMON_WORDS_OF: Final = {language: frozenset(words.split()) for language, words in _COMMON_WORDS.items()}

_LATIN_SENTENCE: Final = re.compile(rf"[{_LATIN}]+(?:[^\w\n]{{1,3}}[{_LATIN}]+){{7,}}")
_LETTER_BEHIND_DOT: Final = re.compile(r"\.[a-z]")
_ADDRESS: Final = re.compile(r"[\w.+-]*(?:://|@|www\.)\S*|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,6}(?:/\S*)?")
_WORD: Final = re.compile(r"[^\W\d_]+")

_OWN_SHARE: Final = 0.5
"""Of the letters that are no names, at least so many are the language's own."""
_OWN_SHARE_OF_ALL: Final = 0.15
"""Of all letters, names too, at least so many: a list of product names is no caption."""
_CLEARLY_OWN: Final = 9
"""With so many own letters to each foreign one nothing more is looked at."""
_SHORTEST_NAME: Final = 3  # shorter words stand in every text
_FEW_FOREIGN_LETTERS: Final = 8
_SENTENCE_WORDS_THAT_ARE_NAMES: Final = 0.5
_FEWEST_COMMON_WORDS: Final = 4


class Language:
    """A language by its BCP 47 tag, and what a caption in it looks like."""

    def __init__(self, tag: str) -> None:
        self._name = tag.partition("-")[0].lower()
        script = _SCRIPTS.get(self._name, _LATIN)
        self._is_latin = script == _LATIN
        self._own = letters_of(script)
        self._foreign_word = re.compile(rf"[^\W\d_{script}]+(?:['’][^\W\d_{script}]+)?")
        self._other_script = re.compile(f"[^\\W\\d_{script}{_LATIN}{_HAN if self._name == 'ko' else ''}]+")
        self._han_run = re.compile(f"[{_HAN}]{{10,}}")

    def foreign_passages(self, caption: str, source: Source) -> list[str]:
        """Find what shows that the caption is in another language, if it is."""
        own = self._own.count(caption)
        foreign_words = self._foreign_word.findall(caption)
        foreign = sum(map(len, foreign_words))
        if own >= _CLEARLY_OWN * foreign and own:
            return self._neighbour(caption) if self._is_latin else self._kindred_scripts(caption, own)
        if "@" in caption or "//" in caption or _LETTER_BEHIND_DOT.search(caption):
            caption = _ADDRESS.sub(" ", caption)
            foreign_words = self._foreign_word.findall(caption)
            foreign = sum(map(len, foreign_words))
        unnamed = [word for word in foreign_words if len(word) < _SHORTEST_NAME or folded(word) not in source.text]
        foreign_unnamed = sum(map(len, unnamed))
        if own < _OWN_SHARE * (own + foreign_unnamed) or own < _OWN_SHARE_OF_ALL * (own + foreign) or not own:
            return [" ".join(unnamed or foreign_words)[:80]]
        if foreign_unnamed <= _FEW_FOREIGN_LETTERS:
            return self._kindred_scripts(caption, own)
        return (
            self._other_scripts(caption, source)
            or self._sentences(caption, source)
            or self._kindred_scripts(caption, own)
        )

    def _other_scripts(self, caption: str, source: Source) -> list[str]:
        if self._name == "ja":
            return []
        found = [run for run in self._other_script.findall(caption) if folded(run) not in source.text]
        if sum(map(len, found)) > _FEW_FOREIGN_LETTERS:
            return [" ".join(found)[:80]]
        if self._name == "ko":
            return [run for run in self._han_run.findall(caption) if not source.has(run)]
        return []

    def _sentences(self, caption: str, source: Source) -> list[str]:
        if self._is_latin:
            return []
        return [
            sentence[:80] for sentence in _LATIN_SENTENCE.findall(caption) if not _is_made_of_names(sentence, source)
        ]

    def _kindred_scripts(self, caption: str, own: int) -> list[str]:
        """Find the script of a kindred language: Japanese has kana and Chinese has none."""
        if self._name not in {"ja", "zh", "yue"}:
            return []
        kana = len(re.findall(f"[{_KANA}]", caption.replace("・", "").replace("ー", "")))
        if self._name == "ja":
            return [caption[:40]] if not kana and own > _FEW_FOREIGN_LETTERS else []
        return [caption[:40]] if kana > _FEW_FOREIGN_LETTERS // 2 else []

    def _neighbour(self, caption: str) -> list[str]:
        ours = _COMMON_WORDS_OF.get(self._name)
        if not ours:
            return []
        words = _WORD.findall(caption.lower())
        own = sum(word in ours for word in words)
        for language, theirs in _COMMON_WORDS_OF.items():
            count = sum(word in theirs for word in words)
            if language != self._name and count >= _FEWEST_COMMON_WORDS and count > 2 * own:
                return [caption[:80]]
        return []


def _is_made_of_names(sentence: str, source: Source) -> bool:
    words = _WORD.findall(folded(sentence))
    return sum(word in source.text for word in words) > _SENTENCE_WORDS_THAT_ARE_NAMES * len(words)
