"""Whether what people ask for is written live or by batch."""

from enum import StrEnum

from consumer.llm.batches import PROVIDERS
from repository.llm_models import LlmModel, find_active
from repository.pool import Connection


class Delivery(StrEnum):
    """What may be asked for."""

    LIVE = "live"
    BATCH = "batch"


class NoBatches(Exception):
    """A model's provider has none; the message says so."""


async def model_for(connection: Connection, name: str, delivery: Delivery) -> LlmModel:
    """Return the model that writes, priced as it is delivered.

    Raises:
        ModelNotUsable: the name stands for no active model.
        NoBatches: its provider has no batches, and one is asked for.
    """
    model = await find_active(connection, name)
    if delivery is Delivery.LIVE:
        return model
    if model.provider not in PROVIDERS:
        raise NoBatches(f"{model.full_name}: provider {model.provider} has no batches at its endpoint; ask for live")
    return model.at_reduced_price()
