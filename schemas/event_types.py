"""The declared event types that mean `overlay.completed`, in any spelling."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from schemas.overlay_completed import EVENT_TYPE

_MAX_TYPE_CHARS: Final = 200
_NAMESPACE: Final = r"(?:.*[./:])?"
_VERSION_TAIL: Final = r"(?:[./:_-]v?\d+(?:\.\d+)*)?"
_VERSION: Final = re.compile(_VERSION_TAIL + r"\Z", re.IGNORECASE)
_NO_LETTER: Final = re.compile(r"[\W_]")


@dataclass(frozen=True)
class EventTypes:
    """The accepted types: compared without case, with any namespace prefix and any version suffix.

    So `overlay.completed` accepts `com.shop.overlay.completed.v1` and `Overlay.Completed`, but not
    `myoverlay.completed`.
    """

    names: tuple[str, ...]

    def accept(self, declared: str) -> bool:
        """Return whether an event with this declared type is accepted."""
        return len(declared) <= _MAX_TYPE_CHARS and self._pattern.fullmatch(declared) is not None

    def nearly(self, declared: str) -> bool:
        """Return whether it is not accepted for its separators alone: `OverlayCompleted`, `overlay_completed`."""
        letters = _letters(_VERSION.sub("", declared[:_MAX_TYPE_CHARS]))
        return not self.accept(declared) and any(letters.endswith(_letters(name)) for name in self.names)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        alternatives = "|".join(map(re.escape, self.names))
        return re.compile(f"{_NAMESPACE}(?:{alternatives}){_VERSION_TAIL}", re.IGNORECASE)


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())


DEFAULT_EVENT_TYPES: Final = EventTypes((EVENT_TYPE,))
