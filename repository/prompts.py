"""Prompts: wordings by name and version, which never change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from repository.pool import Connection
from schemas.prompt_reference import PROMPT_REFERENCE

_REFERENCE = re.compile(PROMPT_REFERENCE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of a prompt."""

    prompt_name: str
    version: int
    template: str
    created_at: datetime
    created_by: str

    @property
    def reference(self) -> str:
        """`NAME:VERSION`, which is unique."""
        return f"{self.prompt_name}:{self.version}"


class UnknownPrompt(Exception):
    """No prompt has this name and version; the message lists the existing ones."""


def split_reference(reference: str) -> tuple[str, int | None]:
    """Return name and version, None for the newest.

    Raises:
        UnknownPrompt: it is not a valid name.
    """
    if not _REFERENCE.match(reference):
        raise UnknownPrompt(
            f"'{reference}' is not a prompt; expected: NAME or NAME:VERSION, of letters, digits and ._-"
        )
    name, _, version = reference.partition(":")
    return name, int(version) if version else None


_COLUMNS = "prompt_name, version, template, created_at, created_by"
_FIND = f"""
    SELECT {_COLUMNS} FROM prompts
    WHERE prompt_name = $1 AND ($2::int IS NULL OR version = $2)
    ORDER BY version DESC
    LIMIT 1
"""  # noqa: S608 - the names are ours


async def find_prompt(connection: Connection, reference: str) -> Prompt:
    """Return the prompt named NAME (its newest version) or NAME:VERSION.

    Raises:
        UnknownPrompt: there is none.
    """
    row = await connection.fetchrow(_FIND, *split_reference(reference))
    if row is None:
        known = ", ".join(prompt.reference for prompt in await all_prompts(connection)) or "none"
        raise UnknownPrompt(f"there is no prompt '{reference}'; there are: {known}")
    return prompt_of(row)


_ALL = f"SELECT {_COLUMNS} FROM prompts ORDER BY prompt_name, version"  # noqa: S608 - the same


async def all_prompts(connection: Connection) -> list[Prompt]:
    """Return every version of every prompt, by name, oldest version first."""
    return [prompt_of(row) for row in await connection.fetch(_ALL)]


_SELECTED = f"""
    SELECT {_COLUMNS} FROM prompts WHERE prompt_name || ':' || version = ANY($1::text[])
"""  # noqa: S608 - the same


async def prompts_called(connection: Connection, references: Sequence[str]) -> dict[str, Prompt]:
    """Return the existing versions by their references NAME:VERSION."""
    rows = await connection.fetch(_SELECTED, list(references))
    return {prompt.reference: prompt for prompt in map(prompt_of, rows)}


def prompt_of(row: Any) -> Prompt:  # noqa: ANN401 - a record of the columns of `Prompt`
    """Return the row as a record."""
    return Prompt(**dict(row))
