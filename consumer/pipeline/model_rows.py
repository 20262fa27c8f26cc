"""Brings changes of `llm_models` (prices, defaults, activity) to the calls of a running consumer."""

from collections.abc import Mapping

import structlog

from consumer.llm.provider import Provider
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.pool import Pool, connection

log = structlog.get_logger()


class ModelRows:
    """Refreshes the rows of the models in use, by the names in the settings."""

    def __init__(self, pool: Pool, providers: Mapping[str, Provider]) -> None:
        self._pool = pool
        self._providers = list(providers.items())

    def watch(self, name: str, provider: Provider) -> None:
        """Also refresh this provider's model, by its row's names."""
        self._providers.append((name, provider))

    async def run_once(self) -> None:
        """Update each provider's model from its row.

        Raises:
            StoreError: the rows could not be read; the last ones stay in effect.
        """
        for name, provider in self._providers:
            try:
                async with connection(self._pool) as borrowed:
                    model = await find_active(borrowed, name)
            except ModelNotUsable as error:
                self._disuse(provider, name, str(error))
            else:
                self._use(provider, model)

    def _disuse(self, provider: Provider, name: str, reason: str) -> None:
        if provider.disused_because is None:
            log.error("model.disused", model=name, reason=reason)
        provider.disused_because = reason

    def _use(self, provider: Provider, model: LlmModel) -> None:
        used = provider.writer.model
        if model.provider != used.provider:
            self._disuse(provider, used.full_name, f"{model.full_name} is at another provider: restart")
            return
        if model != used or provider.disused_because:
            log.info("model.refreshed", model=model.full_name)
        provider.disused_because = None
        if model != used:
            provider.use(model)
