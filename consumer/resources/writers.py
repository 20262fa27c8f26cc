"""Writers of models: writers of one provider share its client, and so its connections."""

from contextlib import AsyncExitStack

from consumer.llm.lean_client import BytesOpenAI
from consumer.llm.writer import Writer, open_client
from consumer.resources.closing import closed_in_time
from consumer.settings.current import CurrentSettings
from repository.llm_models import LlmModel
from schemas.post import INSTAGRAM_POST_JSON_SCHEMA


class Writers:
    """Opens writers; their clients are closed by the stack."""

    def __init__(self, current: CurrentSettings, stack: AsyncExitStack) -> None:
        self._current = current
        self._stack = stack
        self._clients: dict[str, BytesOpenAI] = {}

    def open(self, model: LlmModel, *, temperature: float | None = None, max_tokens: int | None = None) -> Writer:
        """Open a writer; None means the value of the settings.

        Raises:
            SettingsError: the model's provider needs a key that is not set.
        """
        settings = self._current.now
        return Writer(
            self._clients.get(model.provider) or self._open_client(model),
            model,
            response_format=INSTAGRAM_POST_JSON_SCHEMA,
            timeout_s=settings.llm_timeout_s,
            temperature=settings.llm_temperature if temperature is None else temperature,
            max_tokens=settings.llm_max_tokens if max_tokens is None else max_tokens,
            store_responses=settings.llm_store_responses,
        )

    def _open_client(self, model: LlmModel) -> BytesOpenAI:
        settings = self._current.now
        client = open_client(
            settings.endpoint(model.provider, model=model.full_name),
            timeout_s=settings.llm_timeout_s,
            max_connections=settings.max_in_flight,
        )
        self._clients[model.provider] = client
        self._stack.push_async_callback(closed_in_time, "LLM client", client.close)
        self._current.on_change(
            lambda fresh: client.use_key(fresh.endpoint(model.provider, model=model.full_name).api_key)
        )
        return client
