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
)

# No column changes its type under a view.
TIMES = (
    "DROP VIEW current_instagram_feeds",
    with_time_zone("llm_models", "created_at"),
    with_time_zone("llm_models", "updated_at"),
    with_time_zone("instagram_feeds", "created_at"),
    with_time_zone("instagram_feeds", "updated_at"),
    """
    CREATE VIEW current_instagram_feeds AS
    SELECT feed.*
    FROM instagram_feeds AS feed
    WHERE NOT EXISTS (
        SELECT FROM instagram_feeds AS newer
        WHERE newer.overlay_id = feed.overlay_id AND newer.revision > feed.revision
    )
    """,
)
LACKS_ZONE = """
    SELECT count(*) FROM pg_attribute
    WHERE attrelid IN ('llm_models'::regclass, 'instagram_feeds'::regclass)
        AND attname IN ('created_at', 'updated_at') AND atttypid = 'timestamp'::regtype
"""

DOWNGRADE = ("ALTER TABLE feed_requests DROP COLUMN references_missing_since",)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    if not op.get_context().as_sql and op.get_bind().exec_driver_sql(LACKS_ZONE).scalar():
        for statement in TIMES:
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
