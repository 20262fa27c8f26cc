"""Rows for the models in use: gpt-4o-mini until its shutdown, and gpt-6-luna, which replaces the minis.

Prices are OpenAI's list prices in USD per 1M tokens. gpt-6-luna reasons by default, and reasoning
models refuse a temperature unless the effort is 'none'; short copy needs no reasoning, so its row
asks for none and keeps the temperature.

A row that is there already stays as it is, but for a missing shutdown date and cached price: those
columns are new, so the owner of the row had no way to fill them.

Downgrade leaves the rows, which feeds may refer to and which may have been there before.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CURRENT_MODELS = """
    WITH current AS (
        SELECT * FROM (VALUES
            ('openai', 'gpt-4o-mini', '2024-07-18', 0.7, 1000, 0.15, 0.60, 0.075,
             NULL, DATE '2027-01-14', 'Small, non-reasoning; gpt-6-luna replaces it'),
            ('openai', 'gpt-6-luna', NULL, 0.7, 1000, 0.10, 0.50, 0.01,
             'none', NULL, 'Small; reasoning switched off, so that a temperature is allowed')
        ) AS model (
            provider, model_name, model_version, default_temperature, default_max_tokens,
            prompt_token_cost_per_1m, completion_token_cost_per_1m, cached_prompt_token_cost_per_1m,
            reasoning_effort, shutdown_date, description)
    ),
    completed AS (
        UPDATE llm_models AS known
        SET shutdown_date = coalesce(known.shutdown_date, current.shutdown_date),
            cached_prompt_token_cost_per_1m = coalesce(
                known.cached_prompt_token_cost_per_1m, current.cached_prompt_token_cost_per_1m
            )
        FROM current
        WHERE known.provider = current.provider AND known.model_name = current.model_name
            AND known.model_version IS NOT DISTINCT FROM current.model_version
        RETURNING known.provider, known.model_name
    )
    INSERT INTO llm_models (
        provider, model_name, model_version, default_temperature, default_max_tokens,
        prompt_token_cost_per_1m, completion_token_cost_per_1m, cached_prompt_token_cost_per_1m,
        reasoning_effort, shutdown_date, description
    )
    SELECT * FROM current
    WHERE (provider, model_name) NOT IN (SELECT provider, model_name FROM completed)
"""


def upgrade() -> None:
    op.execute(CURRENT_MODELS)


def downgrade() -> None:
    """Do nothing: there is nothing to take back; see the module's docstring."""
