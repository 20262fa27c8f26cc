"""The models the simulated account can use, and what sets them apart."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model and the dated snapshot that answers under its name.

    ``reasoning`` models refuse ``max_tokens``, and a temperature unless their effort is ``none``.
    ``created_s`` is in Unix seconds.
    """

    name: str
    snapshot: str
    created_s: int
    reasoning: bool = False
    reports_cache_writes: bool = False
    has_flex: bool = False

    def json(self) -> dict[str, object]:
        """Return OpenAI's model object."""
        return {
            "id": self.name,
            "object": "model",
            "created": self.created_s,
            "owned_by": "system",
        }


_CATALOGUE = {
    "gpt-4o-mini": KnownModel("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 1_721_172_741),
    "gpt-6-luna": KnownModel(
        "gpt-6-luna",
        "gpt-6-luna-2026-09-22",
        1_790_035_200,
        reasoning=True,
        reports_cache_writes=True,
        has_flex=True,
    ),
    "claude-haiku-5-5": KnownModel("claude-haiku-5-5", "claude-haiku-5-5", 1_790_899_200),
}
DEFAULT_MODELS = tuple(_CATALOGUE)


class ModelList:
    """The models of one server, found by their own name or their snapshot's."""

    def __init__(self, names: Iterable[str] = DEFAULT_MODELS) -> None:
        self.models = [_CATALOGUE.get(name, KnownModel(name, name, 0)) for name in names]
        self._by_name = {model.snapshot: model for model in self.models}
        self._by_name |= {model.name: model for model in self.models}

    def find(self, name: str) -> KnownModel | None:
        """Return the model of that name, or None."""
        return self._by_name.get(name)
