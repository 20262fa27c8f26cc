"""What the supervisor of a stack tells about itself, in a file beside the data."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel

from devstack.endpoints import Endpoints, ServerName

STATE_FILE = "state.json"


class StackState(BaseModel, frozen=True):
    """The stack as its supervisor sees it: `endpoints` and `pids` when it is up, `error` when it failed."""

    phase: Literal["starting", "up", "failed"]
    endpoints: Endpoints | None = None
    pids: dict[ServerName, int | None] = {}
    error: str | None = None

    def save(self, folder: Path) -> None:
        """Replace the state file in one step, readable by its owner only."""
        scratch = folder / f"{STATE_FILE}.new"
        scratch.touch(mode=0o600)
        scratch.write_text(self.model_dump_json(indent=2))
        scratch.rename(folder / STATE_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return the state last saved in `folder`, None if there is none."""
        path = folder / STATE_FILE
        return cls.model_validate_json(path.read_bytes()) if path.exists() else None
