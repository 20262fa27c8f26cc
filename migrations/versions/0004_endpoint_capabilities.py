"""What the compatible endpoints of other providers cannot do: a range of temperatures, stored completions.

Only OpenAI keeps completions (`store`); others ignore the field or refuse the request for it.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    ALTER TABLE llm_models
        ADD COLUMN IF NOT EXISTS max_temperature FLOAT,
        ADD COLUMN IF NOT EXISTS supports_store BOOLEAN NOT NULL DEFAULT true
    """,
    "UPDATE llm_models SET supports_store = false WHERE provider <> 'openai'",
    """
    COMMENT ON COLUMN llm_models.max_temperature IS
        'The highest temperature its endpoint takes; NULL means 2'
    """,
    """
    COMMENT ON COLUMN llm_models.supports_store IS
        'Whether its provider keeps completions, so that a lost one can be looked up'
    """,
)

DOWNGRADE = (
    """
    ALTER TABLE llm_models
        DROP COLUMN max_temperature,
        DROP COLUMN supports_store
    """,
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
