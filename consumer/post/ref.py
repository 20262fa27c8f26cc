"""The `ref` that binds an answer of a batch to its overlay, whatever key it came under. Pure."""

import re
from uuid import UUID

_REF = re.compile(r"""["']ref\\*["']\s*:\s*\\*["']([0-9a-fA-F]{8})\\*["']""")


def ref_of(overlay_id: UUID) -> str:
    """Return the first 8 hex digits of an overlay's id."""
    return overlay_id.hex[:8]


def refs_in(content: str) -> set[str]:
    """Return the refs that an answer names, in whatever shape it came."""
    return {ref.lower() for ref in _REF.findall(content)}
