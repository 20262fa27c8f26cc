"""References to prompts."""

from typing import Final

PROMPT_REFERENCE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}(:[1-9][0-9]{0,8})?$"
"""NAME, for its newest version, or NAME:VERSION."""
