"""What a held request waits for: how much of its budget, and whether it is to be written by batch.

Downgrade has what waits for a batch wait for it without being held.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE feed_requests ADD COLUMN held_amount NUMERIC",
    """
    COMMENT ON COLUMN feed_requests.held_amount IS
        'What it needs of the budget that it is held for, in its unit; NULL: more would be of no use'
    """,
    "ALTER TABLE feed_requests ADD COLUMN held_for_batch BOOLEAN NOT NULL DEFAULT false",
    "COMMENT ON COLUMN feed_requests.held_for_batch IS 'While it is held: whether it waits for a batch afterwards'",
    """
    -- Of what is held only: an empty index where nothing is.
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_held_budget ON feed_requests (held_budget_id, created_at) WHERE state = 'held'
    """,
)

DOWNGRADE = (
    "UPDATE feed_requests SET state = 'batched', available_at = now() WHERE state = 'held' AND held_for_batch",
    "DROP INDEX idx_feed_requests_held_budget",
    "ALTER TABLE feed_requests DROP COLUMN held_for_batch, DROP COLUMN held_amount",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
