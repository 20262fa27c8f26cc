"""What the quality gate warns about, kept with each post; and what is the operator's to say of each tenant.

A tenant needs no row: without one the defaults hold. Posts from before have no warnings, since nobody looked for
any: `feeds check` does. Downgrade drops what was added, the values with it.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE instagram_feeds ADD COLUMN quality JSONB NOT NULL DEFAULT '[]'",
    """
    COMMENT ON COLUMN instagram_feeds.quality IS
        'What the quality gate warned about: an array of objects with rule and detail'
    """,
    # the view has the columns of its day
    """
    CREATE OR REPLACE VIEW current_instagram_feeds AS
    SELECT feed.*
    FROM instagram_feeds AS feed
    WHERE NOT EXISTS (
        SELECT FROM instagram_feeds AS newer
        WHERE newer.overlay_id = feed.overlay_id AND newer.revision > feed.revision
    )
    """,
    # the last posts of a tenant are read whenever a consumer meets it
    "CREATE INDEX idx_instagram_feeds_tenant_id_created_at ON instagram_feeds (tenant_id, created_at DESC)",
    """
    CREATE TABLE tenants (
        tenant_id VARCHAR(255) PRIMARY KEY,
        weight DOUBLE PRECISION NOT NULL DEFAULT 1 CHECK (weight > 0),
        max_in_flight INTEGER CHECK (max_in_flight > 0),
        delivery TEXT CHECK (delivery IN ('live', 'batch')),
        timezone TEXT NOT NULL DEFAULT 'Asia/Seoul',
        disclosure TEXT CHECK (disclosure ~ '[^[:space:]]' AND disclosure !~ '[\\n\\r]' AND length(disclosure) <= 200),
        sector TEXT NOT NULL DEFAULT 'none' CHECK (sector IN ('food', 'cosmetics', 'none')),
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    CREATE TRIGGER tenants_set_updated_at BEFORE UPDATE ON tenants
        FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
        EXECUTE FUNCTION instagram_feed_set_updated_at()
    """,
    """
    COMMENT ON COLUMN tenants.disclosure IS
        'Text put as the first line of every caption, for instance #광고; NULL: none'
    """,
    """
    COMMENT ON COLUMN tenants.sector IS
        'What the tenant sells, as far as advertising law has rules of its own for it'
    """,
)

DOWNGRADE = (
    "DROP TABLE tenants",
    "DROP INDEX idx_instagram_feeds_tenant_id_created_at",
    "DROP VIEW current_instagram_feeds",
    "ALTER TABLE instagram_feeds DROP COLUMN quality",
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


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
