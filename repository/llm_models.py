"""Model rows: what a model is called, what it can do and what it costs."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from repository.pool import Connection

DEFAULT_MAX_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class LlmModel:
    """One row of `llm_models`. Prices are USD per 1,000,000 tokens, None when unknown."""

    llm_model_id: UUID
    provider: str
    model_name: str
    model_version: str | None
    default_temperature: float | None
    default_max_tokens: int | None
    prompt_token_cost_per_1m: Decimal | None
    cached_prompt_token_cost_per_1m: Decimal | None
    completion_token_cost_per_1m: Decimal | None
    token_limit_parameter: str
    supports_temperature: bool
    supports_json_schema: bool
    reasoning_effort: str | None
    shutdown_date: date | None


class UnknownModel(Exception):
    """No active row of llm_models has this model_name."""


_FIND_ACTIVE = """
    SELECT llm_model_id, provider, model_name, model_version, default_temperature, default_max_tokens,
        prompt_token_cost_per_1m, cached_prompt_token_cost_per_1m, completion_token_cost_per_1m,
        token_limit_parameter, supports_temperature, supports_json_schema, reasoning_effort, shutdown_date
    FROM llm_models
    WHERE model_name = $1 AND is_active = 'true'
    ORDER BY model_version DESC NULLS LAST
    LIMIT 1
"""


async def find_active(connection: Connection, model_name: str) -> LlmModel:
    """The active row with this name, the newest version if there are several.

    Raises:
        UnknownModel: there is none, or it is not active.
    """
    row = await connection.fetchrow(_FIND_ACTIVE, model_name)
    if row is None:
        raise UnknownModel(f"llm_models has no active row with model_name '{model_name}'")
    return LlmModel(**dict(row))
