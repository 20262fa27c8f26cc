"""Whether requested posts are written live or by batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from consumer.llm.batches import PROVIDERS
from repository.llm_models import LlmModel, find_active
from repository.pool import Connection
from repository.tenants import tenant_profiles
from schemas.delivery import RequestedDelivery


class Delivery(StrEnum):
    """What may be asked for."""

    LIVE = "live"
    BATCH = "batch"


class NoBatches(Exception):
    """A model's provider has no batches."""


class Deliveries:
    """The delivery of each request: as `asked`, else its event's, else its tenant's."""

    def __init__(self, connection: Connection, asked: Delivery | None) -> None:
        self._connection = connection
        self._asked = asked
        self._of_tenants: dict[str, RequestedDelivery | None] = {}

    async def know(self, tenant_ids: Iterable[str]) -> None:
        """Read what `by_batch` needs for these tenants."""
        if self._asked is None and (new := set(tenant_ids) - self._of_tenants.keys()):
            profiles = await tenant_profiles(self._connection, new)
            self._of_tenants |= {tenant_id: profile.delivery for tenant_id, profile in profiles.items()}

    def by_batch(self, tenant_id: str, own: RequestedDelivery | None = None) -> bool:
        """Return whether a request of this tenant, with its event's `own` delivery, goes by batch."""
        return (self._asked or own or self._of_tenants.get(tenant_id)) == Delivery.BATCH


@dataclass(frozen=True, slots=True)
class PricedModel:
    """The model that writes, at live and batch prices (the same if its provider has no batches)."""

    live: LlmModel
    batched: LlmModel

    @property
    def batch_factor(self) -> Decimal:
        """The price of a post by batch relative to live."""
        return Decimal(1) if self.batched is self.live else self.live.batch_price_factor


async def model_for(connection: Connection, name: str, asked: Delivery | None) -> PricedModel:
    """Return the model that writes.

    Raises:
        ModelNotUsable: the name does not match an active model.
        NoBatches: a batch is requested, but its provider has none.
    """
    model = await find_active(connection, name)
    if model.provider in PROVIDERS:
        return PricedModel(model, model.at_reduced_price())
    if asked is Delivery.BATCH:
        raise NoBatches(f"{model.full_name}: provider {model.provider} has no batches at its endpoint; ask for live")
    return PricedModel(model, model)
