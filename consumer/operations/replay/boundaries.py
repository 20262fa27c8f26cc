"""One end of a replay's range, as a person says it. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

_OFFSET = re.compile(r"\d{1,18}", re.ASCII)
MS_PER_S = 1_000


class RangeError(Exception):
    """The range cannot be read, or has nothing in it; the message names the option."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One end of a range: the topic's own, an offset, or a time in ms since the epoch."""

    kind: Literal["earliest", "latest", "offset", "time"]
    value: int = 0


EARLIEST, LATEST = Boundary("earliest"), Boundary("latest")


def parse_boundary(text: str) -> Boundary:
    """Read `earliest`, `latest`, an offset, or a time (RFC 3339; without an offset in UTC; a date is its beginning).

    Raises:
        ValueError: it is none of them.
    """
    match text.strip().lower():
        case "earliest":
            return EARLIEST
        case "latest":
            return LATEST
        case digits if _OFFSET.fullmatch(digits):
            return Boundary("offset", int(digits))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a position in a topic; expected earliest, latest, an offset such as 1200, "
            "or a time such as 2026-11-25T09:00:00Z"
        ) from None
    return Boundary("time", round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * MS_PER_S))
