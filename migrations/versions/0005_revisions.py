"""Revisions of a post: who or what made each, which is current, and the created event as it was sent.

A request may ask for another revision of an overlay's post (a replay, an operator). Those of a replay are
in the background: they wait while live requests want the slots. The unique index makes a replay that is run
again, or twice at once, ask for each overlay once.

The created event is kept with its post, so that it can be sent again byte for byte; posts from before this
revision have none. Downgrade drops what was added, the values with it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    ALTER TABLE feed_requests
        ADD COLUMN origin TEXT NOT NULL DEFAULT 'event'
            CHECK (origin IN ('event', 'replay', 'regenerate', 'restore', 'reparse')),
        ADD COLUMN replay_id UUID,
        ADD COLUMN background BOOLEAN NOT NULL DEFAULT false
    """,
    """
    COMMENT ON COLUMN feed_requests.background IS
        'Waits while live requests want the slots'
    """,
    """
    -- The index is of pending requests only, and all revisions are applied in one transaction.
    -- squawk-ignore require-concurrent-index-deletion
    DROP INDEX idx_feed_requests_available_at
    """,
    """
    CREATE INDEX idx_feed_requests_available_at ON feed_requests (background, available_at)
        WHERE state IN ('claimed', 'waiting')
    """,
    """
    CREATE UNIQUE INDEX uq_feed_requests_replay_id_overlay_id ON feed_requests (replay_id, overlay_id)
        WHERE replay_id IS NOT NULL
    """,
    """
    ALTER TABLE instagram_feeds
        ADD COLUMN origin TEXT NOT NULL DEFAULT 'event',
        ADD COLUMN replay_id UUID,
        ADD COLUMN based_on_feed_id UUID,
        ADD COLUMN created_event_value BYTEA,
        ADD COLUMN created_event_headers BYTEA
    """,
    """
    COMMENT ON COLUMN instagram_feeds.origin IS
        'What made this revision: event, replay, regenerate, restore or reparse'
    """,
    """
    COMMENT ON COLUMN instagram_feeds.based_on_feed_id IS
        'The post that a restored or reparsed one was made from'
    """,
    """
    COMMENT ON COLUMN instagram_feeds.created_event_value IS
        'instagram_feed.created as it was published; sent again byte for byte'
    """,
    # A post without an overlay is its own only revision.
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

DOWNGRADE = (
    "DROP VIEW current_instagram_feeds",
    """
    ALTER TABLE instagram_feeds
        DROP COLUMN origin,
        DROP COLUMN replay_id,
        DROP COLUMN based_on_feed_id,
        DROP COLUMN created_event_value,
        DROP COLUMN created_event_headers
    """,
    "DROP INDEX uq_feed_requests_replay_id_overlay_id",
    "DROP INDEX idx_feed_requests_available_at",
    """
    ALTER TABLE feed_requests
        DROP COLUMN origin,
        DROP COLUMN replay_id,
        DROP COLUMN background
    """,
    """
    CREATE INDEX idx_feed_requests_available_at ON feed_requests (available_at)
        WHERE state IN ('claimed', 'waiting')
    """,
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
