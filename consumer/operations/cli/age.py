"""Ages on the command line, such as 90d."""

import re
from datetime import timedelta

import typer

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_AGE = re.compile(rf"(?P<count>\d{{1,5}})(?P<unit>[{''.join(UNITS)}])", re.ASCII)


def parse_age(text: str) -> timedelta:
    """Read a number of hours, days or weeks: 12h, 90d, 8w.

    Raises:
        typer.BadParameter: it is not an age.
    """
    age = _AGE.fullmatch(text)
    if age is None:
        raise typer.BadParameter(f"{text!r} is not an age; expected a number and a unit: 12h, 90d or 8w")
    return int(age["count"]) * UNITS[age["unit"]]
