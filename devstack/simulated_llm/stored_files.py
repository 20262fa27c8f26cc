"""The files of one account: those uploaded, and those that batches leave.

Source: https://platform.openai.com/docs/api-reference/files
"""

import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from devstack.simulated_llm.completion import JsonObject

MOST_BATCH_BYTES = 200 * 1024 * 1024


class FileQuery(BaseModel):
    """The query parameters of the list; ``after`` is the id that ended the page before."""

    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file. ``created_s`` is in Unix seconds."""

    file_id: str
    name: str
    purpose: str
    content: bytes
    created_s: int

    def json(self) -> JsonObject:
        """Return OpenAI's file object."""
        return {
            "id": self.file_id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_s,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": None,
            "status_details": None,
        }


class StoredFiles:
    """All files, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}

    def add(self, name: str, purpose: str, content: bytes) -> StoredFile:
        """Keep a file under an id of its own."""
        file = StoredFile(f"file-{secrets.token_hex(11)}", name, purpose, content, int(time.time()))
        self._by_id[file.file_id] = file
        return file

    def get(self, file_id: str) -> StoredFile | None:
        """Return the file, or None."""
        return self._by_id.get(file_id)

    def remove(self, file_id: str) -> bool:
        """Forget a file; return whether it was there."""
        return self._by_id.pop(file_id, None) is not None

    def page(self, query: FileQuery) -> JsonObject:
        """Return one page in OpenAI's list shape."""
        files = [file for file in self._by_id.values() if query.purpose in (None, file.purpose)]
        return page_of([file.json() for file in files], query.after, query.limit, newest_first=query.order == "desc")


def page_of(objects: list[JsonObject], after: str | None, limit: int, *, newest_first: bool) -> JsonObject:
    """Return the objects behind ``after``, at most so many; they are given oldest first."""
    if newest_first:
        objects.reverse()
    ids = [one["id"] for one in objects]
    rest = objects[ids.index(after) + 1 :] if after in ids else objects
    shown = rest[:limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(rest) > len(shown),
    }
