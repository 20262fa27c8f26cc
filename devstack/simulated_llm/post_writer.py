"""Writes a plausible Korean Instagram post; the same seed and request give the same post."""

import unicodedata
from typing import NamedTuple

from pydantic_core import to_json

from devstack.simulated_llm.event_fields import EventFields, read_event_fields
from devstack.simulated_llm.korean_phrases import FEATURES, GENERAL_HASHTAGS, VOICES, Voice
from devstack.simulated_llm.seeded import Picker

MIN_HASHTAGS, MAX_HASHTAGS = 3, 5


class Post(NamedTuple):
    """Caption and hashtags, the latter as ``#a #b``."""

    caption: str
    hashtags: str

    def json(self) -> str:
        """Return the content the prompt asks for: a JSON object with two strings."""
        return to_json({"instagram_ad_copy": self.caption, "hashtags": self.hashtags}).decode()


def write_post(seed: int, prompt: str, user_text: str) -> Post:
    """Write the post for a prompt whose user messages hold the event's delimited fields."""
    fields = read_event_fields(user_text)
    picker = Picker(seed, "post", prompt)
    voice = _voice_for(fields.tone_style)
    return Post(_caption(fields, voice, picker), " ".join(_hashtags(fields, voice, picker)))


def _voice_for(tone_style: str) -> Voice:
    tone = tone_style.lower()
    for voice in VOICES:
        for cue in voice.cues:
            if cue in tone:
                return voice
    return VOICES[0]


def _caption(fields: EventFields, voice: Voice, picker: Picker) -> str:
    # replace, not format: a product's text may hold braces
    opening = picker.pick(voice.openings).replace("{product}", fields.product)
    body = picker.pick(voice.bodies)
    feature = next((saying for word, saying in FEATURES if word in fields.product_text), None)
    middle = f"{feature} {body}" if feature else body
    store = "\n· ".join((f"📍 {fields.store}", *fields.store_details))
    return "\n\n".join((opening, middle, store, picker.pick(voice.closings)))


def _hashtags(fields: EventFields, voice: Voice, picker: Picker) -> list[str]:
    names = map(_hashtag, (fields.product, *fields.store.split()[:2]))
    wanted = MIN_HASHTAGS + picker.below(MAX_HASHTAGS - MIN_HASHTAGS + 1)
    fitting = voice.hashtags + GENERAL_HASHTAGS
    start = picker.below(len(fitting))
    distinct = {tag.casefold(): tag for tag in (*names, *fitting[start:], *fitting[:start]) if tag}
    return list(distinct.values())[:wanted]


def _hashtag(name: str) -> str:
    """Make a hashtag of a name's letters and digits; nothing where it has no letter."""
    normal = unicodedata.normalize("NFC", name)
    tag = "".join(char for char in normal if char.isalpha() or char.isdecimal())
    return f"#{tag}" if tag and not tag.isdecimal() else ""
