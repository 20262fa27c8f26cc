"""Where an event's fields stand in a document that is no event, for whoever reads the dead letter.

Nothing is opened because of it: what is found here lies under other names, or in an envelope that nobody knows.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

_MOST_LEVELS: Final = 4
_MOST_PARTS: Final = 200
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.$ -]{1,60}")  # a member's name can be anything, also a text of a shop
_NO_LETTER: Final = re.compile(r"[^a-z0-9]")


def other_spellings(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Return, for those of `names` that are no members, the member whose name differs only in case and separators."""
    spelled = {_letters(member): member for member in fields if _SHOWN_NAME.fullmatch(member)}
    return {name: spelled[_letters(name)] for name in names if name not in fields and _letters(name) in spelled}


def place_of_event(document: object, required: Collection[str]) -> str | None:
    """Return the path of the first object within `document` that has all `required` fields, in whatever spelling.

    Text that holds JSON is looked into, too. None where there is none, or only deep or far behind.
    """
    wanted = set(map(_letters, required))
    parts: deque[tuple[str, int, object]] = deque(_parts("", 0, document))
    for _ in range(_MOST_PARTS):
        if not parts:
            return None
        path, level, value = parts.popleft()
        opened = _parsed(value)
        if isinstance(opened, dict) and wanted <= set(map(_letters, opened)):
            return path
        if level < _MOST_LEVELS:
            parts.extend(_parts(path, level, opened))
    return None


def _parts(path: str, level: int, value: object) -> Iterator[tuple[str, int, object]]:
    if isinstance(value, dict):
        for name, member in value.items():
            shown = name if _SHOWN_NAME.fullmatch(name) else "(...)"
            yield f"{path}.{shown}" if path else shown, level + 1, member
    elif isinstance(value, list):
        for place, element in enumerate(value[:_MOST_PARTS]):
            yield f"{path}[{place}]", level + 1, element


def _parsed(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return from_json(value)
    except ValueError:
        return value


def _letters(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())
