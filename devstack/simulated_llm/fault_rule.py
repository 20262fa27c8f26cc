"""What all fault rules have in common: which calls, or batches, they are for."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

Seconds = Annotated[float, Field(ge=0, le=86_400)]


class Rule(BaseModel):
    """Which calls a fault happens to: those that satisfy every condition given.

    ``match`` is looked for in the client's request id and in the user's messages. ``first`` counts
    the calls that match, and ``rate`` is drawn for each of them from the seed and its request id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    first: NonNegativeInt | None = None
    match: str | None = None
    attempts: frozenset[PositiveInt] | None = None
