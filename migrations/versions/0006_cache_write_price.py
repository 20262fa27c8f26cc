"""The price of prompt tokens that a call puts into the provider's cache, where they cost more than others.

NULL means that they cost what other prompt tokens do. For gpt-6-luna it is OpenAI's list price.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE llm_models ADD COLUMN IF NOT EXISTS cache_write_prompt_token_cost_per_1m NUMERIC",
    """
    UPDATE llm_models SET cache_write_prompt_token_cost_per_1m = 0.125
    WHERE provider = 'openai' AND model_name = 'gpt-6-luna' AND prompt_token_cost_per_1m = 0.10
        AND cache_write_prompt_token_cost_per_1m IS NULL
    """,
)

DOWNGRADE = ("ALTER TABLE llm_models DROP COLUMN cache_write_prompt_token_cost_per_1m",)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
