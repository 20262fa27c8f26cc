"""How prompts are named wherever people or settings name one."""

from typing import Final

PROMPT_REFERENCE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}(:[1-9][0-9]{0,8})?$"
"""NAME, which means its newest version, or NAME:VERSION."""
