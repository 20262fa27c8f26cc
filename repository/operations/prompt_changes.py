"""Adding versions of prompts, and where each is used."""

from dataclasses import dataclass

from repository.pool import Connection
from repository.prompts import Prompt, prompt_of

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('instagram_feed_prompts', 0))"
_ADD = """
    INSERT INTO prompts (prompt_name, version, template, created_by)
    SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM prompts WHERE prompt_name = $1
    RETURNING prompt_name, version, template, created_at, created_by
"""
_SAME = """
    SELECT prompt_name, version, template, created_at, created_by
    FROM prompts WHERE prompt_name = $1 AND template = $2 ORDER BY version DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class AddedPrompt:
    """A version of a prompt; `is_new`: it was not there before with the same words."""

    prompt: Prompt
    is_new: bool


async def add_prompt(connection: Connection, name: str, template: str, *, created_by: str) -> AddedPrompt:
    """Add the next version of a prompt; the first, if the name is new. The same words again add nothing."""
    async with connection.transaction():
        # two who add to one name wait for each other, and get versions one after the other
        await connection.execute(_LOCK)
        if same := await connection.fetchrow(_SAME, name, template):
            return AddedPrompt(prompt_of(same), is_new=False)
        return AddedPrompt(prompt_of(await connection.fetchrow(_ADD, name, template, created_by)), is_new=True)
