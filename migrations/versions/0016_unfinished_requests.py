"""An index of what is unfinished: how much waits, why and since when is asked every few seconds.

No finished request is in it, so it stays as small as the work. While it is made nothing can be claimed: with a few
million requests in the ledger that takes some seconds, and events wait in Kafka meanwhile. Downgrade drops it.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_unfinished ON feed_requests (state, last_error_reason)
        INCLUDE (group_id, created_at)
        WHERE state NOT IN ('done', 'failed')
    """,
)

DOWNGRADE = ("DROP INDEX idx_feed_requests_unfinished",)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
