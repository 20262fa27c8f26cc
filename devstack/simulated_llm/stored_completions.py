"""Completions kept for later because the call said ``store: true``.

Source: https://platform.openai.com/docs/api-reference/chat/list
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from devstack.simulated_llm.chat_request import ChatRequest
from devstack.simulated_llm.completion import Completion, JsonObject


class StoredQuery(BaseModel):
    """The query parameters of the list; ``after`` is the id that ended the page before."""

    metadata: dict[str, str] = {}
    model: str | None = None
    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "asc"


class StoredCompletions:
    """The stored completions of one account, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, JsonObject] = {}
        # A takeover asks for one request's metadata among thousands, so pairs are indexed.
        self._ids_by_pair: dict[tuple[str, str], list[str]] = {}

    def add(self, chat: ChatRequest, completion: Completion, response_id: str) -> None:
        """Keep a completion with the metadata of its request."""
        metadata = chat.metadata or {}
        self._by_id[completion.completion_id] = completion.json() | {
            "metadata": metadata,
            "request_id": response_id,
            "temperature": chat.temperature,
        }
        for pair in metadata.items():
            self._ids_by_pair.setdefault(pair, []).append(completion.completion_id)

    def get(self, completion_id: str) -> JsonObject | None:
        """Return one stored completion, or None."""
        return self._by_id.get(completion_id)

    def page(self, query: StoredQuery) -> JsonObject:
        """Return one page in OpenAI's list shape."""
        ids = self._matching_ids(query)
        if query.order == "desc":
            ids.reverse()
        if query.after in ids:
            ids = ids[ids.index(query.after) + 1 :]
        shown = ids[: query.limit]
        return {
            "object": "list",
            "data": [self._by_id[completion_id] for completion_id in shown],
            "first_id": shown[0] if shown else None,
            "last_id": shown[-1] if shown else None,
            "has_more": len(ids) > len(shown),
        }

    def _matching_ids(self, query: StoredQuery) -> list[str]:
        candidates = [self._ids_by_pair.get(pair, []) for pair in query.metadata.items()]
        ids = min(candidates, key=len) if candidates else list(self._by_id)
        return [
            completion_id
            for completion_id in ids
            if _has_metadata(self._by_id[completion_id], query.metadata)
            and query.model in (None, self._by_id[completion_id]["model"])
        ]


def _has_metadata(stored: JsonObject, wanted: Mapping[str, str]) -> bool:
    metadata = stored["metadata"]
    return isinstance(metadata, dict) and wanted.items() <= metadata.items()
