"""How long the stages of a batch take, and what its files can do."""

from pydantic import BaseModel, ConfigDict

from devstack.simulated_llm.fault_rule import Seconds


class BatchPace(BaseModel):
    """Seconds for each stage. ``cancelling_s``: so long a batch that is cancelled goes on, and is billed.

    ``serves_ranges``: whether a part of a file can be had; OpenAI's documentation does not say so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    validating_s: Seconds = 0.0
    in_progress_s: Seconds = 0.0
    finalizing_s: Seconds = 0.0
    cancelling_s: Seconds = 0.0
    expires_s: Seconds = 86_400.0
    serves_ranges: bool = False
