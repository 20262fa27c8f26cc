"""How long a request has waited for upstream's rows; a model's row is unique on PostgreSQL 14 too.

Times without a zone in tables that an earlier version took over are read in the session's TimeZone, as when a
table is taken over now.

Downgrade drops the column with its values; the index stays as it is, and so do the times.
"""

from alembic import op

from migrations import with_time_zone

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE feed_requests ADD COLUMN references_missing_since TIMESTAMPTZ",
    """
    COMMENT ON COLUMN feed_requests.references_missing_since IS
        'Since when it has waited for rows of upstream (job, overlay); REFERENCE_WAIT_S ends the wait'
    """,
    """
    -- A table of a handful of rows.
    -- squawk-ignore require-concurrent-index-deletion
    DROP INDEX uq_llm_models_provider_name_version
    """,
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE UNIQUE INDEX uq_llm_models_provider_name_version
        ON llm_models (provider, model_name, coalesce(model_version, ''))
    """,
    with_time_zone("llm_models", "created_at"),
    with_time_zone("llm_models", "updated_at"),
    with_time_zone("instagram_feeds", "created_at"),
    with_time_zone("instagram_feeds", "updated_at"),
)

DOWNGRADE = ("ALTER TABLE feed_requests DROP COLUMN references_missing_since",)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
